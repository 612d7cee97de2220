//! The macros that declare the shapes of the model: what a request, response or enumeration looks like is data, and
//! reading, checking and writing follow from it.

/// Declares a structure that is read from a request.
///
/// Each member has a presence (`required` or `optional`), its name in Rust and on the wire, its type, and its
/// [`crate::constraints::Constraint`].
macro_rules! input {
    (@type required $type:ty) => { $type };
    (@type optional $type:ty) => { Option<$type> };
    (@accept required $raw:expr, $path:expr, $constraint:expr, $violations:expr, $type:ty) => {
        match $raw {
            Some(raw) => <$type as $crate::decode::Member>::accept(raw, $path, $constraint, $violations),
            None => {
                $violations.missing($path);
                None
            }
        }
    };
    (@accept optional $raw:expr, $path:expr, $constraint:expr, $violations:expr, $type:ty) => {
        // An unusable value leaves a violation behind, which fails the request.
        Some($raw.and_then(|raw| <$type as $crate::decode::Member>::accept(raw, $path, $constraint, $violations)))
    };
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$member_meta:meta])* $presence:ident $member:ident $key:literal: $type:ty = $constraint:expr),*
            $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$member_meta])* pub $member: input!(@type $presence $type)),*
        }

        const _: () = {
            #[derive(Default)]
            pub(crate) struct RawMembers {
                $($member: Option<<$type as $crate::decode::Member>::Raw>),*
            }

            impl $crate::decode::RawStructure for RawMembers {
                fn read<'de, A: serde::de::MapAccess<'de>>(
                    &mut self,
                    key: &str,
                    map: &mut A,
                ) -> Result<bool, A::Error> {
                    match key {
                        $($key => self.$member = map.next_value()?,)*
                        _ => return Ok(false),
                    }
                    Ok(true)
                }
            }

            impl $crate::decode::Member for $name {
                type Raw = $crate::decode::Raw<RawMembers>;

                fn accept(
                    raw: Self::Raw,
                    path: &$crate::constraints::Path<'_>,
                    _: &$crate::constraints::Constraint,
                    violations: &mut $crate::constraints::Violations,
                ) -> Option<Self> {
                    $(
                        let $member = {
                            let path = $crate::constraints::Path::Member(path, $key);
                            input!(@accept $presence raw.0.$member, &path, &$constraint, violations, $type)
                        };
                    )*
                    Some($name { $($member: $member?),* })
                }
            }

            impl $crate::decode::Request for $name {
                fn decode(body: &[u8]) -> Result<Self, $crate::ApiError> {
                    $crate::decode::decode_structure(body)
                }
            }
        };
    };
}

/// Declares a structure that is written in a response. Members that are `None` are left out.
macro_rules! output {
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$member_meta:meta])* $member:ident $key:literal: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $($(#[$member_meta])* pub $member: $type),*
        }

        output!(@write $name { $($member $key),* });
    };
    (@write $name:ident { $($member:ident $key:literal),* $(,)? }) => {
        impl $crate::json_writer::ToJson for $name {
            fn write_json(&self, out: &mut Vec<u8>) {
                let mut object = $crate::json_writer::ObjectWriter::new(out);
                $($crate::json_writer::WriteMember::write_member(&self.$member, $key, &mut object);)*
                object.end();
            }
        }
    };
}

/// Declares an enumeration of the model. `order` lists the values as AWS's refusal of an unknown one does.
macro_rules! enumeration {
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$value_meta:meta])* $value:ident $text:literal),* $(,)?
        } order [$($ordered:literal),*]
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$value_meta])* $value),*
        }

        impl $name {
            /// Every value, in the order of the model.
            pub const ALL: &[$name] = &[$($name::$value),*];

            /// The value as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$value => $text),*
                }
            }

            /// The value that stands on the wire as `text`.
            pub fn parse(text: &str) -> Option<$name> {
                match text {
                    $($text => Some($name::$value),)*
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl $crate::decode::Member for $name {
            type Raw = $crate::decode::RawText<String>;

            fn accept(
                raw: Self::Raw,
                path: &$crate::constraints::Path<'_>,
                _: &$crate::constraints::Constraint,
                violations: &mut $crate::constraints::Violations,
            ) -> Option<Self> {
                let value = $name::parse(&raw.0);
                if value.is_none() {
                    violations.not_in_enum(&raw.0, path, &[$($ordered),*]);
                }
                value
            }
        }

        impl $crate::json_writer::ToJson for $name {
            fn write_json(&self, out: &mut Vec<u8>) {
                // No value needs escaping.
                out.push(b'"');
                out.extend_from_slice(self.as_str().as_bytes());
                out.push(b'"');
            }
        }
    };
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$value_meta:meta])* $value:ident $text:literal),* $(,)?
        }
    ) => {
        enumeration! {
            $(#[$meta])* $name { $($(#[$value_meta])* $value $text),* } order [$($text),*]
        }
    };
}

//! Who calls: account and region, as the request's signature names them. Signatures are not checked.

use crate::arn::is_region;

/// What applies to a request that does not say (`AWS_DEFAULT_REGION`, `AWS_ACCOUNT_ID`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityDefaults {
    /// The region.
    pub region: String,
    /// The account: 12 digits.
    pub account: String,
}

impl Default for IdentityDefaults {
    fn default() -> Self {
        IdentityDefaults { region: "us-east-1".to_owned(), account: "000000000000".to_owned() }
    }
}

/// The account and region that a request acts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity<'a> {
    /// The region of the credential scope.
    pub region: &'a str,
    /// The access key id when it is an account number of 12 digits.
    pub account: &'a str,
}

impl<'a> Identity<'a> {
    /// Reads an `Authorization` header such as
    /// `AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/states/aws4_request, SignedHeaders=…, Signature=…`.
    /// What is missing or can't be read is taken from the defaults.
    pub fn from_authorization(header: Option<&'a str>, defaults: &'a IdentityDefaults) -> Identity<'a> {
        let credential = header.and_then(|header| {
            header.split([' ', ',']).find_map(|part| part.trim().strip_prefix("Credential="))
        });
        let mut parts = credential.unwrap_or_default().split('/');
        let key_id = parts.next().unwrap_or_default();
        // The scope is date, region, service, terminator; that of asymmetric signatures (SigV4A) has no region.
        let scope: [Option<&str>; 5] = std::array::from_fn(|_| parts.next());
        let region = match scope {
            [Some(_), Some(region), Some(_), Some("aws4_request"), None] if is_region(region) => region,
            _ => defaults.region.as_str(),
        };
        let account = if key_id.len() == 12 && key_id.bytes().all(|byte| byte.is_ascii_digit()) {
            key_id
        } else {
            defaults.account.as_str()
        };
        Identity { region, account }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn account_and_region_come_from_the_credential_scope() {
        let defaults = IdentityDefaults { region: "eu-west-1".into(), account: "111122223333".into() };
        let own = ("eu-west-1", "111122223333");
        for (header, expected) in [
            (None, own),
            (Some(""), own),
            (Some("Basic dXNlcjpwYXNz"), own),
            (
                Some(
                    "AWS4-HMAC-SHA256 Credential=test/20261122/us-west-2/states/aws4_request, SignedHeaders=host, Signature=0",
                ),
                ("us-west-2", "111122223333"),
            ),
            (
                Some(
                    "AWS4-HMAC-SHA256 Credential=123456789012/20261122/us-west-2/states/aws4_request,SignedHeaders=host,Signature=0",
                ),
                ("us-west-2", "123456789012"),
            ),
            (
                Some(
                    "AWS4-ECDSA-P256-SHA256 Credential=123456789012/20261122/states/aws4_request, Signature=0",
                ),
                ("eu-west-1", "123456789012"),
            ),
            (Some("AWS4-HMAC-SHA256 Credential=test/20261122/us west/states/aws4_request"), own),
            (Some("AWS4-HMAC-SHA256 Credential=test/20261122/x:y/states/aws4_request, Signature=0"), own),
            (Some("AWS4-HMAC-SHA256 Credential=test/20261122//states/aws4_request, Signature=0"), own),
            (Some("AWS4-HMAC-SHA256 Credential="), own),
        ] {
            let identity = Identity::from_authorization(header, &defaults);
            assert_eq!((identity.region, identity.account), expected, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn any_header_gives_an_account_and_region_for_arns(header in any::<String>()) {
            let defaults = IdentityDefaults::default();
            let identity = Identity::from_authorization(Some(&header), &defaults);
            prop_assert!(is_region(identity.region));
            prop_assert!(identity.account.len() == 12);
        }
    }
}

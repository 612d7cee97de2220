//! The functions of JSONata, and those that Step Functions adds

mod aggregate;
mod array;
mod higher_order;
mod matching;
mod number;
mod object;
pub(crate) mod signature;
mod step_functions;
mod string;
mod time;

use std::sync::OnceLock;

use crate::evaluate::Evaluator;
use crate::item::Item;
use crate::{Dialect, Error};
use signature::Signature;

/// What carries a function out, given arguments that fit its signature
type Run = for<'i> fn(&Evaluator<'i>, &[Item<'i>]) -> Result<Item<'i>, Error>;

/// A function of JSONata
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    signature_text: &'static str,
    signature: OnceLock<Signature>,
    /// How many arguments it takes from those who call it with what it can use, for example `$map`
    pub(crate) arity: usize,
    pub(crate) run: Run,
}

impl Builtin {
    const fn new(name: &'static str, signature_text: &'static str, arity: usize, run: Run) -> Builtin {
        Builtin { name, signature_text, signature: OnceLock::new(), arity, run }
    }

    pub(crate) fn signature(&self) -> &Signature {
        self.signature.get_or_init(|| match Signature::parse(self.signature_text) {
            Ok(signature) => signature,
            Err(error) => unreachable!("the signature of {} is right: {error}", self.name),
        })
    }
}

/// The function of a name (without `$`).
pub(crate) fn find(name: &str, dialect: Dialect) -> Option<&'static Builtin> {
    all(dialect).find(|builtin| builtin.name == name)
}

/// The functions of a dialect; where a name is there twice, the first one counts.
pub(crate) fn all(dialect: Dialect) -> impl Iterator<Item = &'static Builtin> {
    let added: &'static [Builtin] = match dialect {
        Dialect::Plain => &[],
        Dialect::StepFunctions => &ADDED,
    };
    added.iter().chain(&COMMON)
}

/// The functions that Step Functions adds, `$random` with a seed among them.
static ADDED: [Builtin; 6] = [
    Builtin::new("partition", "<an:a>", 2, step_functions::partition),
    Builtin::new("range", "<nnn:a>", 3, step_functions::range),
    Builtin::new("hash", "<ss:s>", 2, step_functions::hash),
    Builtin::new("random", "<n?:n>", 1, step_functions::random),
    Builtin::new("uuid", "<:s>", 0, step_functions::uuid),
    Builtin::new("parse", "<s:x>", 1, step_functions::parse),
];

/// The functions of JSONata 2.0.6, `$eval` apart, with its signatures.
static COMMON: [Builtin; 64] = [
    Builtin::new("sum", "<a<n>:n>", 1, aggregate::sum),
    Builtin::new("count", "<a:n>", 1, aggregate::count),
    Builtin::new("max", "<a<n>:n>", 1, aggregate::max),
    Builtin::new("min", "<a<n>:n>", 1, aggregate::min),
    Builtin::new("average", "<a<n>:n>", 1, aggregate::average),
    Builtin::new("string", "<x-b?:s>", 1, string::string),
    Builtin::new("substring", "<s-nn?:s>", 3, string::substring),
    Builtin::new("substringBefore", "<s-s:s>", 2, string::substring_before),
    Builtin::new("substringAfter", "<s-s:s>", 2, string::substring_after),
    Builtin::new("lowercase", "<s-:s>", 1, string::lowercase),
    Builtin::new("uppercase", "<s-:s>", 1, string::uppercase),
    Builtin::new("length", "<s-:n>", 1, string::length),
    Builtin::new("trim", "<s-:s>", 1, string::trim),
    Builtin::new("pad", "<s-ns?:s>", 3, string::pad),
    Builtin::new("match", "<s-f<s:o>n?:a<o>>", 3, matching::find_matches),
    Builtin::new("contains", "<s-(sf):b>", 2, matching::contains),
    Builtin::new("replace", "<s-(sf)(sf)n?:s>", 4, matching::replace),
    Builtin::new("split", "<s-(sf)n?:a<s>>", 3, matching::split),
    Builtin::new("join", "<a<s>s?:s>", 2, string::join),
    Builtin::new("formatNumber", "<n-so?:s>", 3, number::format_number),
    Builtin::new("formatBase", "<n-n?:s>", 2, number::format_base),
    Builtin::new("formatInteger", "<n-s:s>", 2, number::format_integer),
    Builtin::new("parseInteger", "<s-s:n>", 2, number::parse_integer),
    Builtin::new("number", "<(nsb)-:n>", 1, number::number),
    Builtin::new("floor", "<n-:n>", 1, number::floor),
    Builtin::new("ceil", "<n-:n>", 1, number::ceil),
    Builtin::new("round", "<n-n?:n>", 2, number::round),
    Builtin::new("abs", "<n-:n>", 1, number::abs),
    Builtin::new("sqrt", "<n-:n>", 1, number::sqrt),
    Builtin::new("power", "<n-n:n>", 2, number::power),
    Builtin::new("random", "<:n>", 0, number::random),
    Builtin::new("boolean", "<x-:b>", 1, object::boolean),
    Builtin::new("not", "<x-:b>", 1, object::not),
    Builtin::new("map", "<af>", 2, higher_order::map),
    Builtin::new("zip", "<a+>", 0, array::zip),
    Builtin::new("filter", "<af>", 2, higher_order::filter),
    Builtin::new("single", "<af?>", 2, higher_order::single),
    Builtin::new("reduce", "<afj?:j>", 3, higher_order::reduce),
    Builtin::new("sift", "<o-f?:o>", 2, higher_order::sift),
    Builtin::new("keys", "<x-:a<s>>", 1, object::keys),
    Builtin::new("lookup", "<x-s:x>", 2, object::lookup),
    Builtin::new("append", "<xx:a>", 2, array::append),
    Builtin::new("exists", "<x:b>", 1, object::exists),
    Builtin::new("spread", "<x-:a<o>>", 1, object::spread),
    Builtin::new("merge", "<a<o>:o>", 1, object::merge),
    Builtin::new("reverse", "<a:a>", 1, array::reverse),
    Builtin::new("each", "<o-f:a>", 2, higher_order::each),
    Builtin::new("error", "<s?:x>", 1, object::error),
    Builtin::new("assert", "<bs?:x>", 2, object::assert),
    Builtin::new("type", "<x:s>", 1, object::type_name),
    Builtin::new("sort", "<af?:a>", 2, higher_order::sort),
    Builtin::new("shuffle", "<a:a>", 1, array::shuffle),
    Builtin::new("distinct", "<x:x>", 1, array::distinct),
    Builtin::new("base64encode", "<s-:s>", 1, string::base64_encode),
    Builtin::new("base64decode", "<s-:s>", 1, string::base64_decode),
    Builtin::new("encodeUrlComponent", "<s-:s>", 1, string::encode_url_component),
    Builtin::new("encodeUrl", "<s-:s>", 1, string::encode_url),
    Builtin::new("decodeUrlComponent", "<s-:s>", 1, string::decode_url_component),
    Builtin::new("decodeUrl", "<s-:s>", 1, string::decode_url),
    Builtin::new("toMillis", "<s-s?:n>", 2, time::to_millis),
    Builtin::new("fromMillis", "<n-s?s?:s>", 3, time::from_millis),
    Builtin::new("clone", "<(oa)-:o>", 1, object::clone),
    Builtin::new("now", "<s?s?:s>", 2, time::now),
    Builtin::new("millis", "<:n>", 0, time::millis),
];

/// The argument at a place; undefined when there is none.
fn argument<'i>(arguments: &[Item<'i>], at: usize) -> Item<'i> {
    arguments.get(at).cloned().unwrap_or(Item::Undefined)
}

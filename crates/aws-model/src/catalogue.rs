//! Finding services; each is unpacked once.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, OnceLock},
};

use crate::{
    container::{self, Header, PartitionEntry},
    model::Service,
    read,
};

/// What is known of a service without unpacking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The word in `arn:aws:states:::aws-sdk:WORD:ACTION`.
    pub word: &'static str,
    /// What the names of its errors start with.
    pub prefix: &'static str,
    /// Its name in botocore and in the AWS CLI.
    pub botocore_name: &'static str,
}

struct Catalogue {
    header: Header,
    words: Vec<Box<str>>,
    by_word: HashMap<Box<str>, usize>,
    loaded: Vec<OnceLock<Option<Arc<Service>>>>,
}

static CATALOGUE: LazyLock<Option<Catalogue>> = LazyLock::new(|| {
    let header = container::header()?;
    let words: Vec<Box<str>> =
        header.services.iter().map(|entry| entry.prefix.to_lowercase().into()).collect();
    let by_word = words.iter().cloned().enumerate().map(|(index, word)| (word, index)).collect();
    let loaded = words.iter().map(|_| OnceLock::new()).collect();
    Some(Catalogue { header, words, by_word, loaded })
});

impl Catalogue {
    fn service(&self, index: usize) -> Option<Arc<Service>> {
        let entry = self.header.services.get(index)?;
        let load = || {
            let text = container::unpack(&self.header, entry)?;
            read::service(&text).ok().map(Arc::new)
        };
        self.loaded.get(index)?.get_or_init(load).clone()
    }
}

/// The service of a word as `Resource` has it (`sqs`, `cloudwatchlogs`); letters' case doesn't matter.
pub fn service(word: &str) -> Option<Arc<Service>> {
    let catalogue = CATALOGUE.as_ref()?;
    let index = match catalogue.by_word.get(word) {
        Some(index) => *index,
        None => *catalogue.by_word.get(word.to_lowercase().as_str())?,
    };
    catalogue.service(index)
}

/// The service that botocore and the AWS CLI call so (`logs`, `cognito-idp`).
pub fn service_of(botocore_name: &str) -> Option<Arc<Service>> {
    let catalogue = CATALOGUE.as_ref()?;
    let index = catalogue.header.services.iter().position(|entry| &*entry.botocore_name == botocore_name)?;
    catalogue.service(index)
}

/// The service that people call so: by its word in `Resource`, by that of its optimized integration, by its name in
/// botocore or by AWS's id; letters' case and what is neither letter nor digit don't matter.
pub fn service_called(name: &str) -> Option<Summary> {
    let folded = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| character.to_ascii_lowercase())
            .collect()
    };
    let name = match folded(name).as_str() {
        "states" => "sfn".to_owned(),
        "elasticmapreduce" => "emr".to_owned(),
        other => other.to_owned(),
    };
    services()
        .find(|summary| summary.word == name)
        .or_else(|| services().find(|summary| folded(summary.botocore_name) == name))
}

/// All services in the order of their words.
pub fn services() -> impl Iterator<Item = Summary> {
    CATALOGUE.iter().flat_map(|catalogue| {
        catalogue.header.services.iter().zip(&catalogue.words).map(|(entry, word)| Summary {
            word,
            prefix: &entry.prefix,
            botocore_name: &entry.botocore_name,
        })
    })
}

/// The version of botocore that the data was made from.
pub fn botocore_version() -> &'static str {
    CATALOGUE.as_ref().map_or("", |catalogue| &catalogue.header.botocore)
}

/// AWS's partitions.
pub(crate) fn partitions() -> &'static [PartitionEntry] {
    CATALOGUE.as_ref().map_or(&[], |catalogue| &catalogue.header.partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_can_be_read() {
        let header = container::header().expect("a header");
        for entry in &header.services {
            let text = container::unpack(&header, entry).expect("a part");
            if let Err(error) = read::service(&text) {
                let text = String::from_utf8_lossy(&text);
                panic!(
                    "{}: {error} in {:?}",
                    entry.prefix,
                    text.get(error.column().saturating_sub(80)..error.column())
                );
            }
        }
    }
}

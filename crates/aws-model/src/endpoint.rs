//! Where a service is on AWS.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{catalogue, model::Service};

/// Where to send a request and what to sign it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `https://sqs.eu-west-1.amazonaws.com`.
    pub url: String,
    /// The service in the scope of the signature.
    pub signing_name: String,
    /// The region in the scope of the signature: another than the caller's for services that are global.
    pub signing_region: String,
}

/// [template of the address, signing name, signing region]; see `make.py`.
type Place = (Box<str>, Option<Box<str>>, Option<Box<str>>);

#[derive(Debug, Deserialize)]
pub(crate) struct Endpoints {
    #[serde(rename = "u")]
    usual: Place,
    #[serde(rename = "r", default)]
    regions: HashMap<Box<str>, Place>,
}

/// A part of AWS with accounts and names of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// `aws`, `aws-cn`, …
    pub id: &'static str,
    /// The end of its host names.
    pub dns_suffix: &'static str,
}

/// The partition of a region; of one that no partition knows, the first.
pub fn partition(region: &str) -> Option<Partition> {
    let partitions = catalogue::partitions();
    let start = region.rsplitn(3, '-').nth(2).unwrap_or_default();
    let found = partitions
        .iter()
        .find(|entry| entry.1.iter().any(|known| &**known == start))
        .or_else(|| partitions.first())?;
    Some(Partition { id: &found.0, dns_suffix: &found.2 })
}

impl Service {
    /// Where the service is for callers of a region, as botocore's rules say without parameters of a call.
    pub fn endpoint(&self, region: &str) -> Endpoint {
        let suffix = partition(region).map_or("amazonaws.com", |partition| partition.dns_suffix);
        let place = self
            .endpoints
            .as_ref()
            .map(|endpoints| endpoints.regions.get(region).unwrap_or(&endpoints.usual));
        let url = place.map_or_else(
            || format!("https://{}.{region}.{suffix}", self.endpoint_prefix),
            |(template, _, _)| template.replace("{region}", region).replace("{suffix}", suffix),
        );
        let signing_name = place.and_then(|place| place.1.as_deref()).unwrap_or(&self.signing_name);
        let signing_region = place.and_then(|place| place.2.as_deref()).unwrap_or(region);
        Endpoint { url, signing_name: signing_name.to_owned(), signing_region: signing_region.to_owned() }
    }
}

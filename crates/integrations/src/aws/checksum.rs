//! The checksums of bodies.

use base64::Engine;
use md5::{Digest, Md5};
use stepwell_aws_model::{Checksum, Operation, Service};

/// The checksum of the body. S3's is CRC32, as the SDKs send it, and shows in results (recorded).
pub(super) fn headers(service: &Service, operation: &Operation, body: &[u8]) -> Vec<(String, String)> {
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    match operation.checksum {
        Checksum::None => Vec::new(),
        Checksum::Supported | Checksum::Required if &*service.word == "s3" => vec![
            ("x-amz-sdk-checksum-algorithm".to_owned(), "CRC32".to_owned()),
            ("x-amz-checksum-crc32".to_owned(), base64(&crc32(body).to_be_bytes())),
        ],
        Checksum::Supported => Vec::new(),
        Checksum::Required => vec![("content-md5".to_owned(), base64(&Md5::digest(body)))],
    }
}

/// CRC-32 as in gzip. Bodies are small: a task's parameters have at most 256 KiB.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |remainder: u32, byte: &u8| {
        (0..8).fold(remainder ^ u32::from(*byte), |remainder, _| {
            (remainder >> 1) ^ (0xEDB8_8320 & (remainder & 1).wrapping_neg())
        })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_gzip() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }
}

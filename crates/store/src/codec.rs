//! How shared buffers and nested rows are written in CBOR.

/// `bytes::Bytes` as a CBOR byte string.
pub(crate) mod byte_string {
    use bytes::Bytes;
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    pub(crate) fn encode<C, W: Write>(
        value: &Bytes,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.bytes(value).map(|_| ())
    }

    pub(crate) fn decode<C>(decoder: &mut Decoder<'_>, _context: &mut C) -> Result<Bytes, DecodeError> {
        decoder.bytes().map(Bytes::copy_from_slice)
    }
}

/// An optional `bytes::Bytes` as a CBOR byte string or null.
pub(crate) mod optional_byte_string {
    use bytes::Bytes;
    use minicbor::data::Type;
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    pub(crate) fn encode<C, W: Write>(
        value: &Option<Bytes>,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match value {
            Some(bytes) => encoder.bytes(bytes).map(|_| ()),
            None => encoder.null().map(|_| ()),
        }
    }

    pub(crate) fn decode<C>(
        decoder: &mut Decoder<'_>,
        _context: &mut C,
    ) -> Result<Option<Bytes>, DecodeError> {
        if decoder.datatype()? == Type::Null {
            decoder.null()?;
            return Ok(None);
        }
        decoder.bytes().map(|bytes| Some(Bytes::copy_from_slice(bytes)))
    }

    pub(crate) fn is_nil(value: &Option<Bytes>) -> bool {
        value.is_none()
    }

    pub(crate) fn nil() -> Option<Option<Bytes>> {
        Some(None)
    }
}

/// An execution key as a CBOR byte string of 16 bytes.
pub(crate) mod execution_key {
    use crate::ExecutionKey;
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    pub(crate) fn encode<C, W: Write>(
        value: &ExecutionKey,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        encoder.bytes(value.as_bytes()).map(|_| ())
    }

    pub(crate) fn decode<C>(
        decoder: &mut Decoder<'_>,
        _context: &mut C,
    ) -> Result<ExecutionKey, DecodeError> {
        ExecutionKey::from_slice(decoder.bytes()?)
            .ok_or_else(|| DecodeError::message("an execution key must be 16 bytes long"))
    }
}

/// A shared row, written in place.
pub(crate) mod shared_row {
    use crate::ExecutionRow;
    use minicbor::decode::Error as DecodeError;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decode, Decoder, Encode, Encoder};
    use std::sync::Arc;

    pub(crate) fn encode<C, W: Write>(
        value: &Arc<ExecutionRow>,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        value.as_ref().encode(encoder, context)
    }

    pub(crate) fn decode<C>(
        decoder: &mut Decoder<'_>,
        context: &mut C,
    ) -> Result<Arc<ExecutionRow>, DecodeError> {
        ExecutionRow::decode(decoder, context).map(Arc::new)
    }
}

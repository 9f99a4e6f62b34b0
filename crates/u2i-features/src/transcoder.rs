use encoding_rs::{Decoder, DecoderResult};

use crate::encoding::WebEncoding;
use crate::error::FeatureError;
use crate::file_bytes::FileBytes;

/// Makes UTF-8 of a file in another encoding. Where its bytes are no text, [`NO_TEXT`] stands instead, so that the row is
/// known by it: UTF-8 has no such byte.
pub(crate) struct Transcoder {
    decoder: Decoder,
    input: Vec<u8>,
    /// What was read and is not decoded yet stands in `input[from..to]`.
    from: usize,
    to: usize,
    output: Vec<u8>,
    /// What was decoded and not handed out yet begins here.
    handed: usize,
    has_ended: bool,
}

/// Stands for bytes that are no text.
const NO_TEXT: u8 = 0xff;

const INPUT_BYTES: usize = 1 << 16;

impl Transcoder {
    /// A byte order mark goes before what the config says, as everywhere on the web.
    pub(crate) fn new(encoding: WebEncoding) -> Self {
        Transcoder {
            decoder: encoding.table().new_decoder(),
            input: vec![0; INPUT_BYTES],
            from: 0,
            to: 0,
            output: Vec::new(),
            handed: 0,
            has_ended: false,
        }
    }

    /// Reads on as UTF-8; 0 at the end.
    pub(crate) fn read(&mut self, file: &mut FileBytes, buffer: &mut [u8]) -> Result<usize, FeatureError> {
        while self.handed == self.output.len() && !self.has_ended {
            self.output.clear();
            self.handed = 0;
            let n = file.read(&mut self.input)?;
            (self.from, self.to) = (0, n);
            self.decode(n == 0);
            self.has_ended = n == 0;
        }
        let n = buffer.len().min(self.output.len() - self.handed);
        buffer[..n].copy_from_slice(&self.output[self.handed..self.handed + n]);
        self.handed += n;
        Ok(n)
    }

    /// Decodes all that was read.
    fn decode(&mut self, is_last: bool) {
        loop {
            let input = &self.input[self.from..self.to];
            let most = self.decoder.max_utf8_buffer_length_without_replacement(input.len());
            let at = self.output.len();
            self.output.resize(at + most.unwrap_or(4 * INPUT_BYTES), 0);
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(input, &mut self.output[at..], is_last);
            self.from += read;
            self.output.truncate(at + written);
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.output.push(NO_TEXT),
            }
        }
    }
}

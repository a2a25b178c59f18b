//! Finds a file's encoding, and decodes its text.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};
use encoding_rs_io::DecodeReaderBytesBuilder;

const CHUNK: usize = 64 << 10;
/// If a file has at least this many characters of UTF-8 for each invalid place, it is a UTF-8 file that was damaged.
const DAMAGED: u64 = 20;

/// Finds the encoding: by the byte order mark; UTF-8 if the bytes are valid UTF-8; otherwise the most likely of the
/// older encodings. Reads the whole file once, since the first character beyond ASCII may come late.
pub(crate) fn detect(file: &mut File) -> io::Result<&'static Encoding> {
    file.rewind()?;
    let mut buffer = vec![0; CHUNK];
    let mut carried = 0;
    let mut survey = Survey::default();
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut beginning = true;
    loop {
        let read = file.read(&mut buffer[carried..])?;
        let bytes = &buffer[..carried + read];
        if beginning && let Some((encoding, _)) = Encoding::for_bom(bytes) {
            return Ok(encoding);
        }
        beginning = false;
        if !bytes[carried..].is_ascii() {
            detector.feed(&bytes[carried..], false);
        }
        if read == 0 {
            survey.broken += u64::from(carried > 0);
            break;
        }
        let rest = survey.look_at(bytes);
        let rest = bytes.len() - rest..bytes.len();
        carried = rest.len();
        buffer.copy_within(rest, 0);
    }
    detector.feed(&[], true);
    Ok(if survey.broken * DAMAGED <= survey.foreign {
        UTF_8
    } else {
        detector.guess(None, Utf8Detection::Deny)
    })
}

/// The file's text from its beginning, decoded. Bytes that cannot be decoded become U+FFFD.
pub(crate) fn text(mut file: File, encoding: &'static Encoding) -> io::Result<impl BufRead + Send> {
    file.rewind()?;
    let decoded = DecodeReaderBytesBuilder::new()
        .encoding(Some(encoding))
        .strip_bom(true)
        .build(file);
    Ok(BufReader::with_capacity(CHUNK, decoded))
}

#[derive(Default)]
struct Survey {
    /// Characters of UTF-8 beyond ASCII.
    foreign: u64,
    /// Places where the bytes are not UTF-8.
    broken: u64,
}

impl Survey {
    /// Returns how many bytes at the end are the beginning of an incomplete character.
    fn look_at(&mut self, mut bytes: &[u8]) -> usize {
        loop {
            let error = match std::str::from_utf8(bytes) {
                Ok(text) => {
                    self.foreign += foreign(text.as_bytes());
                    return 0;
                }
                Err(error) => error,
            };
            let (good, rest) = bytes.split_at(error.valid_up_to());
            self.foreign += foreign(good);
            let Some(broken) = error.error_len() else {
                return rest.len();
            };
            self.broken += 1;
            bytes = &rest[broken..];
        }
    }
}

/// Every character beyond ASCII begins with one byte of this kind.
fn foreign(utf8: &[u8]) -> u64 {
    if utf8.is_ascii() {
        return 0;
    }
    utf8.iter().filter(|byte| **byte >= 0xC0).count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use encoding_rs::{UTF_16LE, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn read(bytes: &[u8]) -> (&'static Encoding, String) {
        let mut file = file(bytes);
        let encoding = detect(&mut file).unwrap();
        let mut decoded = String::new();
        text(file, encoding)
            .unwrap()
            .read_to_string(&mut decoded)
            .unwrap();
        (encoding, decoded)
    }

    #[test]
    fn utf_8_is_found_with_and_without_a_mark() {
        assert_eq!(read(b"plain"), (UTF_8, "plain".into()));
        assert_eq!(
            read("Käse; Crème".as_bytes()),
            (UTF_8, "Käse; Crème".into())
        );
        assert_eq!(
            read("\u{feff}Käse".as_bytes()),
            (UTF_8, "Käse".into()),
            "the mark is no text"
        );
    }

    #[test]
    fn older_encodings_are_told_by_their_letters() {
        let (bytes, ..) = WINDOWS_1252.encode("Größe; Kräutertöpfe für Küche; 2 € \r\n");
        assert_eq!(read(&bytes).0, WINDOWS_1252);
        assert!(read(&bytes).1.starts_with("Größe"));
        let (bytes, ..) = WINDOWS_1251.encode("Чайник эмалированный, синий; Кружка большая");
        assert_eq!(read(&bytes).0, WINDOWS_1251);
    }

    #[test]
    fn a_mark_tells_utf_16() {
        let mut bytes = vec![0xFF, 0xFE];
        bytes.extend("Tee\tKüche".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(read(&bytes), (UTF_16LE, "Tee\tKüche".into()));
    }

    #[test]
    fn a_letter_after_megabytes_of_ascii_is_seen_also_across_chunks() {
        for padding in CHUNK - 3..CHUNK + 3 {
            let text = format!("{}é", "a".repeat(padding));
            assert_eq!(read(text.as_bytes()), (UTF_8, text));
        }
        let mut late = vec![b'a'; 3 * CHUNK];
        late.extend(b" caf\xE9 cr\xE8me br\xFBl\xE9e ");
        assert_eq!(read(&late).0, WINDOWS_1252);
    }

    #[test]
    fn damage_in_one_place_does_not_change_the_encoding() {
        let mut bytes = "é".repeat(100).into_bytes();
        bytes.push(0xFF);
        let (encoding, text) = read(&bytes);
        assert_eq!(encoding, UTF_8);
        assert!(text.ends_with('\u{FFFD}'));
    }
}

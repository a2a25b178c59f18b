//! A JSON object in pieces: its first fields, then arrays of any length.

use std::future::ready;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde::Serialize;

use super::ExportError;

type Piece = Result<Bytes, ExportError>;

/// The opening of an object that more fields follow.
pub(super) fn opening<T: Serialize>(object: &T) -> impl Stream<Item = Piece> + Send + use<T> {
    let written = serde_json::to_vec(object).map(|mut text| {
        text.pop();
        Bytes::from(text)
    });
    stream::once(ready(written.map_err(ExportError::from)))
}

/// A further field, an array whose elements come page by page.
pub(super) fn array<T: Serialize>(
    name: &'static str,
    pages: impl Stream<Item = Result<Vec<T>, ExportError>> + Send,
) -> impl Stream<Item = Piece> + Send {
    let mut is_first = true;
    let elements = pages.map(move |page| {
        let mut text = Vec::new();
        for element in page? {
            if !std::mem::take(&mut is_first) {
                text.push(b',');
            }
            serde_json::to_writer(&mut text, &element)?;
        }
        Ok(Bytes::from(text))
    });
    one(format!(",\"{name}\":["))
        .chain(elements)
        .chain(one("]".to_owned()))
}

pub(super) fn closing() -> impl Stream<Item = Piece> + Send {
    one("}".to_owned())
}

fn one(text: String) -> impl Stream<Item = Piece> + Send {
    stream::once(ready(Ok(text.into())))
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn the_pieces_make_one_document() {
        let pages = |pages: Vec<Vec<u32>>| stream::iter(pages.into_iter().map(Ok));
        let pieces: Vec<Bytes> = opening(&json!({"id": 7}))
            .chain(array(
                "many",
                pages(vec![vec![], vec![1, 2], vec![], vec![3]]),
            ))
            .chain(array("none", pages(vec![vec![]])))
            .chain(closing())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(pieces.concat(), br#"{"id":7,"many":[1,2,3],"none":[]}"#);
    }

    #[tokio::test]
    async fn a_failure_breaks_it_off() {
        let failing = stream::iter([
            Ok(vec![1]),
            Err(ExportError::Usage(sqlx::Error::PoolClosed)),
        ]);
        let pieces: Result<Vec<Bytes>, ExportError> = array("many", failing).try_collect().await;
        assert!(matches!(pieces, Err(ExportError::Usage(_))));
    }
}

//! What an operator's action was about, in words.

use serde_json::Value;

/// `detail` is what was recorded with the action, without its reason.
pub(super) fn in_words(action: &str, detail: &Value) -> String {
    let position = &detail["position"];
    match action {
        "finished" => of_end(text(detail, "of"), detail),
        "as-of" => format!("position {position} into {}", text(detail, "schema")),
        "rebuild" if detail["dryRun"] == true => "dry run".to_owned(),
        "skip" => format!("at position {position}: {}", text(detail, "error")),
        _ if position.is_number() => format!("at position {position}"),
        _ => String::new(),
    }
}

fn text<'d>(detail: &'d Value, field: &str) -> &'d str {
    detail[field].as_str().unwrap_or_default()
}

/// How a build ended.
fn of_end(build: &str, detail: &Value) -> String {
    if let Some(error) = detail["error"].as_str() {
        return format!("{build} failed: {error}");
    }
    let result = &detail["result"];
    let compared = match result["comparison"]["differing"].as_u64() {
        Some(0) => ", identical".to_owned(),
        Some(differing) => format!(", {differing} rows differ"),
        None => String::new(),
    };
    let switched = match result["switched"] == true {
        true => ", switched in",
        false => "",
    };
    format!(
        "{build} up to position {}{compared}{switched}",
        result["position"]
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_action_is_told_in_words() {
        let built = |differing: u64, switched: bool| {
            let comparison = json!({ "rows": 9, "differing": differing });
            json!({ "position": 49, "switched": switched, "comparison": comparison })
        };
        for (action, detail, words) in [
            (
                "pause",
                json!({ "position": 49, "reason": "a walk" }),
                "at position 49",
            ),
            ("verify", json!({ "reason": null }), ""),
            ("rebuild", json!({ "dryRun": true }), "dry run"),
            ("rebuild", json!({ "dryRun": false }), ""),
            (
                "skip",
                json!({ "position": 7, "error": "unknown variant", "reason": "x" }),
                "at position 7: unknown variant",
            ),
            (
                "as-of",
                json!({ "position": 7, "schema": "orders_then" }),
                "position 7 into orders_then",
            ),
            (
                "finished",
                json!({ "of": "verify", "result": built(0, false) }),
                "verify up to position 49, identical",
            ),
            (
                "finished",
                json!({ "of": "rebuild", "result": built(2, true) }),
                "rebuild up to position 49, 2 rows differ, switched in",
            ),
            (
                "finished",
                json!({ "of": "rollback", "error": "it was stopped" }),
                "rollback failed: it was stopped",
            ),
        ] {
            assert_eq!(in_words(action, &detail), words, "{action} {detail}");
        }
    }
}

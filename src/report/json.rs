//! The report as JSON, as docs/report.schema.json describes it.

use super::model::Report;

/// Pretty JSON in the order of the model's fields, with a final newline.
pub fn render(report: &Report) -> String {
    // The model has only string keys and plain values, so this cannot fail; if it ever did, the reader must see why.
    let mut json = serde_json::to_string_pretty(report)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string());
    json.push('\n');
    json
}

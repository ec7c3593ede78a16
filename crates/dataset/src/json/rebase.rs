//! Where bulk data are depends on by which name the caller knows the service: prepared JSON names them from behind the
//! service's root, and the root is put before them when it goes out.

use memchr::memmem;

/// What stands before a BulkDataURI. No value can hold it, since quotation marks within a string are escaped.
const BEFORE_URI: &[u8] = b"\"BulkDataURI\":\"";

/// Appends `json` to `out`, each BulkDataURI in it with `base` before it.
pub fn rebase(json: &[u8], base: &str, out: &mut Vec<u8>) {
    let mut quoted = Vec::with_capacity(base.len() + 2);
    super::put_string(base, &mut quoted);
    let base = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    let mut from = 0;
    for at in memmem::find_iter(json, BEFORE_URI) {
        let until = at + BEFORE_URI.len();
        out.extend_from_slice(json.get(from..until).unwrap_or_default());
        out.extend_from_slice(base);
        from = until;
    }
    out.extend_from_slice(json.get(from..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rebased(value: &Value, base: &str) -> Value {
        let mut out = Vec::new();
        rebase(value.to_string().as_bytes(), base, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn each_uri_gets_the_base_and_no_value_does() {
        let text = "\"BulkDataURI\":\"/studies";
        let value = json!([{ "00091001": { "vr": "UT", "Value": [text] }, "7FE00010": { "BulkDataURI": "/studies/1" } },
            { "7FE00010": { "BulkDataURI": "/studies/2" } }]);
        let wanted = json!([{ "00091001": { "vr": "UT", "Value": [text] }, "7FE00010": { "BulkDataURI": "h/\"/studies/1" } },
            { "7FE00010": { "BulkDataURI": "h/\"/studies/2" } }]);
        assert_eq!(rebased(&value, "h/\""), wanted);
        assert_eq!(rebased(&value, ""), value);
    }
}

//! Viewers are often built for the root of a server: their pages ask for `/app.js`. Here such addresses are made to
//! lead into the viewer's own folder, wherever that is reached: relative to the page, or to what the page says of
//! itself in `PUBLIC_URL`. An address is touched only when the folder has a file of that name; a viewer that was
//! built for another path stays as it is. Pure.

use memchr::{memchr2_iter, memmem};

/// Longest address that is looked at, in bytes.
const MAX_ADDRESS_BYTES: usize = 256;
/// Where the viewer is, for a script: in a page as the page says, in a worker beside the worker's own file.
const HERE: &str = "(self.PUBLIC_URL||new URL(\".\",self.location.href).pathname)";
/// How a page says where it is, as built for the root of a server.
const ROOTED: &[u8] = b"PUBLIC_URL=\"/\"";

/// Ends the head of a page. A page that changes its own URL would take its icons along.
const HEAD_ENDS: &[u8] = b"</head>";
/// Has a page hold on to what it links to.
const HOLD_ON: &[u8] =
    b"<script>for(const a of document.querySelectorAll(\"link:not([rel=stylesheet])\"))a.href=a.href</script>";

/// Whether the folder has a file of this path.
pub(super) type Has<'a> = &'a dyn Fn(&str) -> bool;

/// A page that is asked for `depth` folders below the viewer's own.
pub(super) fn page(text: &[u8], depth: usize, has: Has<'_>) -> Vec<u8> {
    let up = up(depth);
    let said = format!("PUBLIC_URL=new URL(\"{up}\",document.baseURI).pathname");
    let mut out = Vec::with_capacity(text.len() + 1024);
    let mut done = 0;
    for at in memmem::find_iter(text, ROOTED) {
        addresses(piece(text, done, at), b"=", &up, has, &mut out);
        out.extend_from_slice(said.as_bytes());
        done = at + ROOTED.len();
    }
    if let Some(at) = memmem::find(piece(text, done, text.len()), HEAD_ENDS).map(|at| done + at) {
        addresses(piece(text, done, at), b"=", &up, has, &mut out);
        out.extend_from_slice(HOLD_ON);
        done = at;
    }
    addresses(piece(text, done, text.len()), b"=", &up, has, &mut out);
    out
}

/// A list of files, such as a web application's manifest, in the folder `depth` below the viewer's own.
pub(super) fn manifest(text: &[u8], depth: usize, has: Has<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1024);
    addresses(text, b":[,", &up(depth), has, &mut out);
    out
}

/// A style sheet in the folder `depth` below the viewer's own.
pub(super) fn style(text: &[u8], depth: usize, has: Has<'_>) -> Vec<u8> {
    let up = up(depth);
    let mut out = Vec::with_capacity(text.len() + 1024);
    let mut done = 0;
    for at in memmem::find_iter(text, b"url(/") {
        let address = at + b"url(".len();
        if named(text, address, b')').is_some_and(has) {
            out.extend_from_slice(piece(text, done, address));
            out.extend_from_slice(up.as_bytes());
            done = address + 1;
        }
    }
    out.extend_from_slice(piece(text, done, text.len()));
    out
}

/// A script. The root from which webpack loads pieces and workers, and the addresses of files that are there.
pub(super) fn script(text: &[u8], has: Has<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1024);
    let mut done = 0;
    for at in memchr2_iter(b'"', b'\'', text).filter(|at| text.get(at + 1) == Some(&b'/')) {
        let Some(quote) = text.get(at).copied().filter(|_| at >= done) else { continue };
        let (replaced, end) = if text.get(at + 2) == Some(&quote) && is_public_path(piece(text, 0, at)) {
            (HERE.to_owned(), at + 3)
        } else {
            let path = named(text, at + 1, quote).filter(|path| path.contains('.') && is_value(text, at));
            let Some(path) = path.filter(|path| has(path)) else { continue };
            (format!("({HERE}+\"{path}\")"), at + path.len() + 3)
        };
        out.extend_from_slice(piece(text, done, at));
        out.extend_from_slice(replaced.as_bytes());
        done = end;
    }
    out.extend_from_slice(piece(text, done, text.len()));
    out
}

/// Copies `text`; quoted addresses of files that are there, after one of `before`, get `up` for their slash.
fn addresses(text: &[u8], before: &[u8], up: &str, has: Has<'_>, out: &mut Vec<u8>) {
    let mut done = 0;
    for at in memmem::find_iter(text, b"\"/") {
        let follows = last_byte(piece(text, 0, at)).is_some_and(|byte| before.contains(&byte));
        if follows && named(text, at + 1, b'"').is_some_and(has) {
            out.extend_from_slice(piece(text, done, at + 1));
            out.extend_from_slice(up.as_bytes());
            done = at + 2;
        }
    }
    out.extend_from_slice(piece(text, done, text.len()));
}

/// The path of the address that begins with the slash at `slash` and ends before `end`, without its slash.
fn named(text: &[u8], slash: usize, end: u8) -> Option<&str> {
    let rest = piece(text, slash + 1, (slash + 1 + MAX_ADDRESS_BYTES).min(text.len()));
    let path = rest.split(|byte| *byte == end).next().filter(|path| path.len() < rest.len())?;
    let fine = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/');
    (!path.is_empty() && path.iter().all(fine)).then_some(path).and_then(|path| str::from_utf8(path).ok())
}

/// Whether what stands before a text is `x.p =`, as webpack writes it.
fn is_public_path(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    before.strip_suffix(b"=").is_some_and(|before| before.trim_ascii_end().ends_with(b".p"))
}

/// Whether the text that begins at `at` is a value, which another expression may replace; not so after `from` and
/// `import`.
fn is_value(text: &[u8], at: usize) -> bool {
    last_byte(piece(text, 0, at)).is_some_and(|byte| b"(=:,[?+|&".contains(&byte))
}

fn last_byte(text: &[u8]) -> Option<u8> {
    text.trim_ascii_end().last().copied()
}

fn piece(text: &[u8], from: usize, to: usize) -> &[u8] {
    text.get(from..to).unwrap_or_default()
}

fn up(depth: usize) -> String {
    if depth == 0 { "./".to_owned() } else { "../".repeat(depth) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn has(path: &str) -> bool {
        ["app.js", "assets/a.png", "font.woff2", "lib/x.min.js"].contains(&path)
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_page_asks_for_what_is_beside_it_however_deep_it_was_asked_for() {
        let built =
            br#"<script>window.PUBLIC_URL="/"</script><script src="/app.js"></script><a href="/other">"#;
        assert_eq!(
            text(page(built, 0, &has)),
            r#"<script>window.PUBLIC_URL=new URL("./",document.baseURI).pathname</script><script src="./app.js"></script><a href="/other">"#
        );
        assert_eq!(
            text(page(built, 2, &has)),
            r#"<script>window.PUBLIC_URL=new URL("../../",document.baseURI).pathname</script><script src="../../app.js"></script><a href="/other">"#
        );
    }

    #[test]
    fn a_page_holds_on_to_its_icons_when_its_url_changes() {
        let built = b"<head><link rel=\"icon\" href=\"/assets/a.png\"></head><body src=\"/app.js\">";
        let hold_on = str::from_utf8(HOLD_ON).unwrap();
        assert_eq!(
            text(page(built, 1, &has)),
            format!(
                "<head><link rel=\"icon\" href=\"../assets/a.png\">{hold_on}</head><body src=\"../app.js\">"
            )
        );
    }

    #[test]
    fn a_page_built_for_another_path_stays_as_it_is() {
        let built = r#"<script>window.PUBLIC_URL="/x/"</script><script src="/x/app.js"></script>"#;
        assert_eq!(text(page(built.as_bytes(), 1, &has)), built);
    }

    #[test]
    fn a_script_loads_its_pieces_from_where_its_page_is() {
        assert_eq!(
            text(script(b"__webpack_require__.p = \"/\";", &has)),
            format!("__webpack_require__.p = {HERE};")
        );
        assert_eq!(text(script(b"r.p=\"/\",r.b", &has)), format!("r.p={HERE},r.b"));
        assert_eq!(text(script(b"load('/lib/x.min.js')", &has)), format!("load(({HERE}+\"lib/x.min.js\"))"));
    }

    #[test]
    fn other_texts_of_a_script_stay_as_they_are() {
        for built in [
            "x = \"/\"; a.split('/')",
            "import a from \"/app.js\"",
            "get('/absent.js')",
            "n.p=\"\"",
            "'/",
            "\"/app.js",
            "f('/app.js\")",
            "r.p=\"/x/\"",
        ] {
            assert_eq!(text(script(built.as_bytes(), &has)), built);
        }
    }

    #[test]
    fn a_style_sheet_and_a_manifest_name_files_relative_to_themselves() {
        assert_eq!(
            text(style(b"url(/font.woff2) url(/none.png)", 1, &has)),
            "url(../font.woff2) url(/none.png)"
        );
        assert_eq!(
            text(manifest(br#"{"src": "/assets/a.png", "x": "/y"}"#, 0, &has)),
            r#"{"src": "./assets/a.png", "x": "/y"}"#
        );
    }

    #[test]
    fn an_address_is_looked_at_up_to_its_bound() {
        let any = |_: &str| true;
        for (bytes, fine) in
            [(MAX_ADDRESS_BYTES - 2, true), (MAX_ADDRESS_BYTES - 1, true), (MAX_ADDRESS_BYTES, false)]
        {
            let built = format!("url(/{})", "a".repeat(bytes));
            assert_eq!(text(style(built.as_bytes(), 0, &any)) != built, fine, "{bytes}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b'/'), Just(b'\''),
            Just(b'='), any::<u8>()], 0..200), depth in 0usize..4) {
            for out in [page(&bytes, depth, &has), script(&bytes, &has), style(&bytes, depth, &has),
                manifest(&bytes, depth, &has)] {
                prop_assert!(out.len() >= bytes.len());
            }
        }
    }
}

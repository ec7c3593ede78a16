//! The kinds of files that viewers are made of: the media type that each is sent as, what is done to it before, and
//! how long a browser may keep it. Pure.

/// What is done to a file before it goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// A page: its addresses are made fit for where it is asked for.
    Page,
    /// A script.
    Script,
    /// A style sheet.
    Style,
    /// A list of files.
    Manifest,
    /// Nothing but packing.
    Packed,
    /// Nothing: it is packed already, or large and seldom asked for.
    AsItIs,
}

/// Media type and treatment by the ending of a file's name.
const KINDS: &[(&str, &str, Treatment)] = &[
    ("html", "text/html; charset=utf-8", Treatment::Page),
    ("js", "text/javascript; charset=utf-8", Treatment::Script),
    ("mjs", "text/javascript; charset=utf-8", Treatment::Script),
    ("css", "text/css; charset=utf-8", Treatment::Style),
    ("webmanifest", "application/manifest+json", Treatment::Manifest),
    ("json", "application/json", Treatment::Packed),
    ("jsonc", "application/json", Treatment::Packed),
    ("wasm", "application/wasm", Treatment::Packed),
    ("svg", "image/svg+xml", Treatment::Packed),
    ("xml", "application/xml", Treatment::Packed),
    ("txt", "text/plain; charset=utf-8", Treatment::Packed),
    ("md", "text/plain; charset=utf-8", Treatment::Packed),
    ("map", "application/json", Treatment::AsItIs),
    ("png", "image/png", Treatment::AsItIs),
    ("jpg", "image/jpeg", Treatment::AsItIs),
    ("jpeg", "image/jpeg", Treatment::AsItIs),
    ("gif", "image/gif", Treatment::AsItIs),
    ("webp", "image/webp", Treatment::AsItIs),
    ("ico", "image/x-icon", Treatment::AsItIs),
    ("woff", "font/woff", Treatment::AsItIs),
    ("woff2", "font/woff2", Treatment::AsItIs),
    ("ttf", "font/ttf", Treatment::AsItIs),
    ("otf", "font/otf", Treatment::AsItIs),
    ("mp4", "video/mp4", Treatment::AsItIs),
    ("pdf", "application/pdf", Treatment::AsItIs),
];
/// The manifest of a web application under its common name.
const MANIFEST: &str = "manifest.json";
/// Hexadecimal digits in a row by which a build tool marks a name as belonging to one content.
const MIN_HASH_DIGITS: usize = 12;

/// The media type of a file, and what is done to it.
pub(super) fn media_of(path: &str) -> (&'static str, Treatment) {
    let name = last_piece(path);
    if name == MANIFEST {
        return ("application/manifest+json", Treatment::Manifest);
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let kind = KINDS.iter().find(|(known, ..)| *known == ending);
    kind.map_or(("application/octet-stream", Treatment::AsItIs), |(_, media, treatment)| (*media, *treatment))
}

/// Whether the name belongs to one content for ever, as build tools mark it: `app.0f6159c501addfe9.js`.
pub(super) fn is_hashed(path: &str) -> bool {
    let is_hash = |piece: &str| {
        piece.len() >= MIN_HASH_DIGITS && piece.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let name = last_piece(path).rsplit_once('.').map_or("", |(name, _)| name);
    name.split(['.', '-']).any(is_hash)
}

/// Whether a path may be one of the viewer's own pages, which no file stands for: its last piece has no ending. A
/// number after a point is none: UIDs are written so.
pub(super) fn is_page_of_its_own(path: &str) -> bool {
    let ending = last_piece(path).rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.bytes().all(|byte| byte.is_ascii_digit())
}

fn last_piece(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_sent_as_what_its_ending_says() {
        assert_eq!(media_of("a/b.WASM"), ("application/wasm", Treatment::Packed));
        assert_eq!(media_of("x.mjs").1, Treatment::Script);
        assert_eq!(media_of("manifest.json").1, Treatment::Manifest);
        assert_eq!(media_of("a.bin"), ("application/octet-stream", Treatment::AsItIs));
        assert_eq!(media_of("a.js/none"), ("application/octet-stream", Treatment::AsItIs));
    }

    #[test]
    fn a_name_that_belongs_to_one_content_is_known_by_its_hash() {
        for (path, hashed) in [
            ("app.bundle.0f6159c501addfe9.js", true),
            ("a34f9d1faa5f3315.woff2", true),
            ("assets/index-0f6159c501ad.js", true),
            ("app.bundle.css", false),
            ("0f6159c501addfe9", false),
            ("a34f9d1faa5.js", false),
            ("index.html", false),
        ] {
            assert_eq!(is_hashed(path), hashed, "{path}");
        }
    }

    #[test]
    fn a_path_without_an_ending_is_the_viewer_s_own() {
        for (path, own) in [
            ("viewer", true),
            ("viewer/1.2.840.5", true),
            ("a.js", false),
            ("x/none.mp3", false),
            ("a.b/c", true),
        ] {
            assert_eq!(is_page_of_its_own(path), own, "{path}");
        }
    }
}

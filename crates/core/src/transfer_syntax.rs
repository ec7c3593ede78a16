//! Transfer syntaxes (PS3.5 Annex A, PS3.6 Table A-1) as data: how each is laid out, and which we like best.

use crate::uid::Uid;

/// How the elements of a data set are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// VR left out, little endian (PS3.5 §A.1).
    ImplicitLittleEndian,
    /// VR written out, little endian (PS3.5 §A.2, §A.4).
    ExplicitLittleEndian,
    /// VR written out, big endian (PS3.5 §A.3; retired).
    ExplicitBigEndian,
    /// Explicit little endian, the whole data set deflated (PS3.5 §A.5).
    DeflatedExplicitLittleEndian,
}

/// What is done to the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Nothing.
    None,
    /// Something that can be undone to the last bit.
    Lossless,
    /// Something that cannot.
    Lossy,
    /// Either: the syntax allows both.
    Unsaid,
}

/// A transfer syntax that this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntax {
    /// Its UID.
    pub uid: &'static str,
    /// Its name in PS3.6.
    pub name: &'static str,
    /// How its elements are laid out.
    pub layout: Layout,
    /// What is done to the pixels.
    pub compression: Compression,
}

/// Implicit VR Little Endian, which every peer takes (PS3.5 §10.1).
pub const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
/// Explicit VR Little Endian, the default of the web (PS3.18 §8.7.3).
pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
/// Deflated Explicit VR Little Endian.
pub const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1.99";
/// Explicit VR Big Endian, retired.
pub const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

const fn encapsulated(uid: &'static str, name: &'static str, compression: Compression) -> TransferSyntax {
    TransferSyntax { uid, name, layout: Layout::ExplicitLittleEndian, compression }
}

/// The transfer syntaxes of PS3.6 Table A-1, best first: when a sender offers several for one context, the one
/// that stands first here is chosen. What is already compressed without loss travels smallest; then plain
/// explicit little endian; lossy ones come late, since a sender that offers them beside a plain one would have
/// to throw bits away; implicit VR loses the VR of private attributes, big endian is retired: both come last.
pub const ALL: &[TransferSyntax] = &[
    encapsulated(
        "1.2.840.10008.1.2.4.90",
        "JPEG 2000 Image Compression (Lossless Only)",
        Compression::Lossless,
    ),
    encapsulated("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression", Compression::Lossless),
    encapsulated(
        "1.2.840.10008.1.2.4.201",
        "High-Throughput JPEG 2000 (Lossless Only)",
        Compression::Lossless,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.202",
        "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)",
        Compression::Lossless,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.70",
        "JPEG Lossless, Non-Hierarchical, First-Order Prediction",
        Compression::Lossless,
    ),
    encapsulated("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical", Compression::Lossless),
    encapsulated("1.2.840.10008.1.2.4.110", "JPEG XL Lossless", Compression::Lossless),
    encapsulated("1.2.840.10008.1.2.5", "RLE Lossless", Compression::Lossless),
    encapsulated("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression", Compression::Lossless),
    TransferSyntax {
        uid: EXPLICIT_VR_LITTLE_ENDIAN,
        name: "Explicit VR Little Endian",
        layout: Layout::ExplicitLittleEndian,
        compression: Compression::None,
    },
    TransferSyntax {
        uid: DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        name: "Deflated Explicit VR Little Endian",
        layout: Layout::DeflatedExplicitLittleEndian,
        compression: Compression::None,
    },
    encapsulated(
        "1.2.840.10008.1.2.1.98",
        "Encapsulated Uncompressed Explicit VR Little Endian",
        Compression::None,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.92",
        "JPEG 2000 Part 2 Multi-component (Lossless Only)",
        Compression::Lossless,
    ),
    encapsulated("1.2.840.10008.1.2.4.91", "JPEG 2000 Image Compression", Compression::Unsaid),
    encapsulated("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000", Compression::Unsaid),
    encapsulated("1.2.840.10008.1.2.4.112", "JPEG XL", Compression::Unsaid),
    encapsulated("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component", Compression::Unsaid),
    encapsulated("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 & 5)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection (Process 6 & 8)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.54", "JPEG Spectral Selection (Process 7 & 9)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.55", "JPEG Full Progression (Process 10 & 12)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.56", "JPEG Full Progression (Process 11 & 13)", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.58", "JPEG Lossless (Process 15)", Compression::Lossless),
    encapsulated(
        "1.2.840.10008.1.2.4.59",
        "JPEG Extended, Hierarchical (Process 16 & 18)",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.60",
        "JPEG Extended, Hierarchical (Process 17 & 19)",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.61",
        "JPEG Spectral Selection, Hierarchical (Process 20 & 22)",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.62",
        "JPEG Spectral Selection, Hierarchical (Process 21 & 23)",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.63",
        "JPEG Full Progression, Hierarchical (Process 24 & 26)",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.64",
        "JPEG Full Progression, Hierarchical (Process 25 & 27)",
        Compression::Lossy,
    ),
    encapsulated("1.2.840.10008.1.2.4.65", "JPEG Lossless, Hierarchical (Process 28)", Compression::Lossless),
    encapsulated("1.2.840.10008.1.2.4.66", "JPEG Lossless, Hierarchical (Process 29)", Compression::Lossless),
    encapsulated("1.2.840.10008.1.2.4.94", "JPIP Referenced", Compression::Unsaid),
    encapsulated("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", Compression::Unsaid),
    TransferSyntax {
        uid: "1.2.840.10008.1.2.4.95",
        name: "JPIP Referenced Deflate",
        layout: Layout::DeflatedExplicitLittleEndian,
        compression: Compression::Unsaid,
    },
    TransferSyntax {
        uid: "1.2.840.10008.1.2.4.205",
        name: "JPIP HTJ2K Referenced Deflate",
        layout: Layout::DeflatedExplicitLittleEndian,
        compression: Compression::Unsaid,
    },
    encapsulated("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level", Compression::Lossy),
    encapsulated(
        "1.2.840.10008.1.2.4.100.1",
        "Fragmentable MPEG2 Main Profile / Main Level",
        Compression::Lossy,
    ),
    encapsulated("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level", Compression::Lossy),
    encapsulated(
        "1.2.840.10008.1.2.4.101.1",
        "Fragmentable MPEG2 Main Profile / High Level",
        Compression::Lossy,
    ),
    encapsulated("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", Compression::Lossy),
    encapsulated(
        "1.2.840.10008.1.2.4.102.1",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.103",
        "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.103.1",
        "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.104",
        "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.104.1",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.105",
        "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.105.1",
        "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.106",
        "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
        Compression::Lossy,
    ),
    encapsulated(
        "1.2.840.10008.1.2.4.106.1",
        "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
        Compression::Lossy,
    ),
    encapsulated("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1", Compression::Lossy),
    encapsulated("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", Compression::Lossy),
    encapsulated(
        "1.2.840.10008.1.2.7.1",
        "SMPTE ST 2110-20 Uncompressed Progressive Active Video",
        Compression::None,
    ),
    encapsulated(
        "1.2.840.10008.1.2.7.2",
        "SMPTE ST 2110-20 Uncompressed Interlaced Active Video",
        Compression::None,
    ),
    encapsulated("1.2.840.10008.1.2.7.3", "SMPTE ST 2110-30 PCM Digital Audio", Compression::None),
    TransferSyntax {
        uid: EXPLICIT_VR_BIG_ENDIAN,
        name: "Explicit VR Big Endian",
        layout: Layout::ExplicitBigEndian,
        compression: Compression::None,
    },
    TransferSyntax {
        uid: IMPLICIT_VR_LITTLE_ENDIAN,
        name: "Implicit VR Little Endian",
        layout: Layout::ImplicitLittleEndian,
        compression: Compression::None,
    },
];

/// The compressed transfer syntaxes whose pixels this node can decode, so that what is stored in one of them can
/// be given plain. `dataset` has the decoders, and a test there that holds this list against them.
pub const DECODABLE: &[&str] = &[
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
];

/// What it takes to give an instance in explicit or implicit VR little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plain {
    /// Its elements are laid out anew, its pixels are not touched.
    ByLayout,
    /// Its pixels are decoded.
    ByDecoding,
}

impl Plain {
    /// What it takes for an instance stored in `uid`; `None` where it cannot be done.
    #[must_use]
    pub fn of(uid: &Uid) -> Option<Self> {
        match uid.as_str() {
            IMPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_VR_LITTLE_ENDIAN
            | EXPLICIT_VR_BIG_ENDIAN
            | DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Some(Self::ByLayout),
            uid => DECODABLE.contains(&uid).then_some(Self::ByDecoding),
        }
    }
}

impl TransferSyntax {
    /// The known transfer syntax with this UID.
    #[must_use]
    pub fn of(uid: &str) -> Option<&'static Self> {
        ALL.iter().find(|syntax| syntax.uid == uid)
    }

    /// Where this UID stands in our preference; unknown ones come after all known.
    #[must_use]
    pub fn rank(uid: &Uid) -> usize {
        ALL.iter().position(|syntax| syntax.uid == uid.as_str()).unwrap_or(ALL.len())
    }
}

impl Layout {
    /// How the elements of a data set in the transfer syntax `uid` are laid out. Every syntax that is not one of
    /// the four plain ones is explicit little endian (PS3.5 §A.4), the unknown and private ones included.
    #[must_use]
    pub fn of(uid: &Uid) -> Self {
        TransferSyntax::of(uid.as_str()).map_or(Self::ExplicitLittleEndian, |syntax| syntax.layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_syntax_stands_once() {
        for (index, syntax) in ALL.iter().enumerate() {
            assert!(ALL.iter().skip(index + 1).all(|other| other.uid != syntax.uid), "{}", syntax.name);
            assert!(Uid::parse(syntax.uid).is_ok());
        }
    }

    #[test]
    fn what_can_be_given_plain_is_known_and_is_no_video() {
        for uid in DECODABLE {
            assert!(
                TransferSyntax::of(uid).is_some_and(|syntax| syntax.layout == Layout::ExplicitLittleEndian)
            );
        }
        let plain = |uid| Plain::of(&Uid::parse(uid).unwrap());
        assert_eq!(plain(EXPLICIT_VR_BIG_ENDIAN), Some(Plain::ByLayout));
        assert_eq!(plain("1.2.840.10008.1.2.4.70"), Some(Plain::ByDecoding));
        for uid in ["1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.94", "1.2.3.4"]
        {
            assert_eq!(plain(uid), None, "{uid}");
        }
    }

    #[test]
    fn plain_explicit_comes_before_lossy_and_before_implicit() {
        let rank = |uid| TransferSyntax::rank(&Uid::parse(uid).unwrap());
        assert!(rank(EXPLICIT_VR_LITTLE_ENDIAN) < rank("1.2.840.10008.1.2.4.50"));
        assert!(rank(EXPLICIT_VR_LITTLE_ENDIAN) < rank(IMPLICIT_VR_LITTLE_ENDIAN));
        assert!(rank("1.2.840.10008.1.2.4.90") < rank(EXPLICIT_VR_LITTLE_ENDIAN));
        assert!(rank("1.2.3.4") > rank(IMPLICIT_VR_LITTLE_ENDIAN));
    }
}

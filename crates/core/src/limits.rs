//! Bounds on what foreign bytes may make us do. Each has its unit in its name, and a test at, below and above.

/// Deepest nesting of sequences that is read; the deepest in clinical use is below 20.
pub const MAX_SEQUENCE_DEPTH: usize = 64;

/// Most inflated bytes of a deflated data set that are looked at before Pixel Data.
pub const MAX_INFLATED_HEAD_BYTES: u64 = 256 * 1024 * 1024;

/// Longest single value that is kept as an attribute at ingest; longer ones stay in the object only.
pub const MAX_KEPT_VALUE_BYTES: usize = 16 * 1024;

/// Most bytes of File Meta Information (PS3.10 §7.1) that are read from a file.
pub const MAX_FILE_META_BYTES: usize = 64 * 1024;

/// Largest command set (PS3.7 §6.3).
pub const MAX_COMMAND_SET_BYTES: usize = 64 * 1024;

/// Largest identifier of a query or retrieve request.
pub const MAX_IDENTIFIER_BYTES: usize = 1024 * 1024;

/// Largest A-ASSOCIATE-RQ or -AC that is read (the P-DATA limit does not bind it).
pub const MAX_ASSOCIATE_PDU_BYTES: u32 = 1024 * 1024;

/// Largest P-DATA-TF that we announce and accept, without its six header bytes.
pub const MAX_PDATA_BYTES: u32 = 256 * 1024;

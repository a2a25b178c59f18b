//! Other people's implementations accept what is made here, and the other way round. They are ct-merkle (RFC 6962
//! trees), tlog_tiles (C2SP tiles, checkpoints and proofs) and signed_note (C2SP signed notes).

mod notes;
mod trees;
mod vectors;

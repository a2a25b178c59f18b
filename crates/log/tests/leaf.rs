//! The leaf of an event is exactly what its row says, whatever session reads it.

use aws_lc_rs::digest::{SHA256, digest};
use daybook_database::MIGRATOR;
use daybook_log::Position;
use daybook_log::leaf::{Leaf, LeafReader};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, query};
use uuid::Uuid;

const STREAM: &str = "0190d5a0-0000-7000-8000-000000000001";
const EVENT: &str = "0190d5a0-1111-7222-8333-444455556666";
const PAYLOAD: &str = r#"{"note":  "größer → 1.50"}"#;
const METADATA: &str = r#"{"actor":"x"}"#;
/// The hash of [`by_hand`], computed with Python's hashlib.
const HASH: &str = "50a6f0b717431eaebe784de04f0557585a5338ba92749576a8358ac06f9e4e55";

/// The encoding written out, using no code of the crate.
fn by_hand() -> Vec<u8> {
    let mut data = b"daybook.event.v1\n".to_vec();
    data.extend(b"\0\0\0\x05order");
    data.extend(b"\0\0\0\x240190d5a0-0000-7000-8000-000000000001");
    data.extend(b"\0\0\0\x08\0\0\0\0\0\0\0\x03");
    data.extend(b"\0\0\0\x0corder.placed");
    data.extend(b"\0\0\0\x011");
    data.extend(b"\0\0\0\x1e{\"note\":  \"gr\xc3\xb6\xc3\x9fer \xe2\x86\x92 1.50\"}");
    data.extend(b"\0\0\0\x0d{\"actor\":\"x\"}");
    data.extend(b"\0\0\0\x10\x01\x90\xd5\xa0\x11\x11\x72\x22\x83\x33\x44\x44\x55\x55\x66\x66");
    // A microsecond before 1970, and 2026-03-04 05:06:07.890123 UTC.
    data.extend(b"\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff");
    data.extend(b"\0\0\0\x08");
    data.extend(1_772_600_767_890_123_i64.to_be_bytes());
    data
}

fn leaf() -> Leaf {
    Leaf {
        aggregate_type: "order".to_owned(),
        aggregate_id: STREAM.to_owned(),
        sequence: 3,
        event_type: "order.placed".to_owned(),
        event_version: "1".to_owned(),
        payload: PAYLOAD.to_owned(),
        metadata: METADATA.to_owned(),
        event_id: EVENT.parse().unwrap(),
        occurred_at_us: -1,
        recorded_at_us: 1_772_600_767_890_123,
    }
}

/// A superuser may write what the server never would; without foreign keys, even into the middle of a stream.
async fn superuser(database: &TestDatabase) -> PgConnection {
    let mut connection = PgConnection::connect(&database.superuser_url())
        .await
        .unwrap();
    connection
        .execute("set session_replication_role = replica")
        .await
        .unwrap();
    connection
}

async fn insert(connection: &mut PgConnection, position: Position, event_id: Uuid, payload: &str) {
    query(
        "insert into log.events (
             aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, position,
             event_id, occurred_at, recorded_at)
         values ('order', $1, $2, 'order.placed', '1', $3::text::json, $4::text::json, $5, $6,
             '1969-12-31 23:59:59.999999+00', '2026-03-04 05:06:07.890123+00')",
    )
    .bind(STREAM)
    .bind(position + 2)
    .bind(payload)
    .bind(METADATA)
    .bind(position)
    .bind(event_id)
    .execute(connection)
    .await
    .unwrap();
}

/// Position, stream and hash of each row, read in as many chunks as necessary.
async fn read(
    connection: &mut PgConnection,
    from: Position,
    to: Position,
) -> Vec<(Position, String, [u8; 32])> {
    let mut reader = LeafReader::open(connection, from..=to).await.unwrap();
    let mut rows = Vec::new();
    let mut scratch = Vec::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        assert!(!chunk.is_empty());
        assert_eq!(chunk.len(), chunk.rows().count());
        rows.extend(
            chunk
                .rows()
                .map(|row| (row.position, row.stream(), row.hash(&mut scratch))),
        );
    }
    rows
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_encoding_is_the_one_that_was_written_down() {
    assert_eq!(leaf().data(), by_hand());
    let preimage = [b"\0".as_slice(), &by_hand()].concat();
    assert_eq!(hex(digest(&SHA256, &preimage).as_ref()), HASH);
    assert_eq!(hex(&leaf().hash()), HASH);
}

#[test]
fn moving_a_byte_from_one_field_to_the_next_is_another_leaf() {
    let mut moved = leaf();
    moved.aggregate_type = "orde".to_owned();
    moved.aggregate_id = format!("r{STREAM}");
    assert_ne!(moved.hash(), leaf().hash());
}

#[tokio::test]
async fn a_row_has_the_hash_of_its_leaf_whatever_the_session_is_set_to() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let mut writer = superuser(&database).await;
    insert(&mut writer, 1, EVENT.parse().unwrap(), PAYLOAD).await;

    let sessions = [
        "",
        "set timezone = 'Asia/Kathmandu'; set datestyle = 'SQL, DMY'",
        "set bytea_output = 'escape'; set extra_float_digits = -15; set intervalstyle = 'sql_standard'",
        "set client_encoding = 'LATIN1'",
        "set client_encoding = 'SQL_ASCII'; set timezone = 'America/Caracas'",
    ];
    for settings in sessions {
        let options: PgConnectOptions = database.server_url().parse().unwrap();
        let mut reader = options.connect().await.unwrap();
        reader.execute(settings).await.unwrap();
        let rows = read(&mut reader, 1, 1).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(hex(&rows[0].2), HASH, "after {settings:?}");
        assert_eq!(rows[0].1, format!("order/{STREAM}"));
    }
}

#[tokio::test]
async fn a_row_is_read_back_whole() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let mut connection = superuser(&database).await;
    insert(&mut connection, 1, EVENT.parse().unwrap(), PAYLOAD).await;
    let mut reader = LeafReader::open(&mut connection, 1..=1).await.unwrap();
    let chunk = reader.next().await.unwrap().unwrap();
    let row = chunk.rows().next().unwrap();
    assert_eq!(row.leaf(), Some(leaf()));
    assert_eq!(row.sequence(), 3);
    assert_eq!(row.event_id(), leaf().event_id);
    assert_eq!(row.event_type(), "order.placed");
}

#[tokio::test]
async fn every_row_comes_once_and_in_order_through_many_chunks() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let mut connection = superuser(&database).await;
    let mut expected = Vec::new();
    for position in 1..=60_i64 {
        // Rows larger than a chunk, rows larger than what a socket gives, and small ones.
        let filling = match position % 20 {
            0 => 700_000,
            1 => 60_000,
            _ => position as usize,
        };
        let payload = format!("{{\"n\":\"{}\"}}", "x".repeat(filling));
        let event_id = Uuid::now_v7();
        insert(&mut connection, position, event_id, &payload).await;
        let row = Leaf {
            sequence: position + 2,
            payload,
            event_id,
            ..leaf()
        };
        expected.push((position, format!("order/{STREAM}"), row.hash()));
    }
    assert_eq!(read(&mut connection, 1, i64::MAX).await, expected);
    assert_eq!(read(&mut connection, 20, 40).await, expected[19..40]);
    assert_eq!(read(&mut connection, 61, 100).await, []);
}

/// Verification must see what is there, also where the table's guarantees were removed.
#[tokio::test]
async fn rows_that_no_server_writes_are_read_too() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let mut connection = superuser(&database).await;
    connection
        .execute(
            "alter table log.events drop constraint events_position_key,
                 drop constraint events_gapless, drop constraint events_pkey,
                 drop constraint events_sequence_check,
                 alter column payload drop not null, alter column position drop not null,
                 alter column aggregate_type drop not null",
        )
        .await
        .unwrap();
    for position in [i64::MIN, -5, 0, 7, 7] {
        insert(&mut connection, 1, EVENT.parse().unwrap(), PAYLOAD).await;
        query("update log.events set position = $1 where position = 1")
            .bind(position)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let rows = read(&mut connection, i64::MIN, i64::MAX).await;
    let positions: Vec<Position> = rows.iter().map(|row| row.0).collect();
    assert_eq!(positions, [i64::MIN, -5, 0, 7, 7]);
    assert!(rows.iter().all(|row| hex(&row.2) == HASH));

    // Nothing, an empty text and JSON's null are three things.
    let mut hashes = vec![rows[0].2];
    for change in [
        "payload = null",
        "payload = 'null'",
        "payload = '\"\"'",
        "payload = null, aggregate_type = null",
        "payload = null, aggregate_type = ''",
        "payload = 'null', occurred_at = 'infinity'",
        "payload = 'null', occurred_at = '-infinity'",
    ] {
        let statement = format!("update log.events set {change} where position = 0");
        connection.execute(statement.as_str()).await.unwrap();
        let changed = read(&mut connection, 0, 0).await;
        assert!(!hashes.contains(&changed[0].2), "{change}");
        hashes.push(changed[0].2);
    }

    connection
        .execute("update log.events set position = null where position = 7")
        .await
        .unwrap();
    let mut unplaced = LeafReader::open_unplaced(&mut connection).await.unwrap();
    assert_eq!(unplaced.next().await.unwrap().unwrap().len(), 2);
    assert!(unplaced.next().await.unwrap().is_none());
}

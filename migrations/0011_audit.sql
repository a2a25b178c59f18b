-- The audit tree: tiles of an RFC 6962 Merkle tree over the log, the checkpoints signed for it, and the
-- lease of the one process that seals.
--
-- Like the log it belongs to daybook_log, and is written by one function. What is here is no secret and
-- proves nothing by itself: trust comes from keys and checkpoints that are kept elsewhere.
create schema audit;

-- Hashes of complete subtrees of height 8 · level, 256 to a tile; the last tile of a level grows.
create table audit.tiles (
    level  smallint not null check (level between 0 and 7),
    index  bigint   not null check (index >= 0),
    hashes bytea    not null check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
    constraint tiles_pkey primary key (level, index)
);
-- Hashes cannot be compressed: trying takes time.
alter table audit.tiles alter column hashes set storage external;

-- The streams of the events in each tile of level 0, a line each ('order/<id>'), so that an event that was
-- removed can still be named.
create table audit.contents (
    tile    bigint not null check (tile >= 0),
    streams text   not null,
    constraint contents_pkey primary key (tile)
);
alter table audit.contents alter column streams set storage external;

-- Signed notes, as they were made.
create table audit.checkpoints (
    size      bigint      not null check (size >= 1), -- events in the tree: the position of the last
    note      text        not null,
    sealed_at timestamptz not null default clock_timestamp(),
    constraint checkpoints_pkey primary key (size)
);

-- Who may seal. `fencing` counts the takeovers: whose number is no longer the current one has been replaced
-- and must not write. The session is the holder's connection: when that is gone, so is the holder.
create table audit.sealer (
    only_row        boolean     not null default true check (only_row),
    holder          text        not null,
    fencing         bigint      not null,
    expires_at      timestamptz not null,
    session_pid     integer     not null,
    session_started timestamptz not null,
    constraint sealer_pkey primary key (only_row)
);

-- Writes what a batch of events has changed of the tree, with the checkpoint that was signed for it: all or
-- nothing. `follows` is the size of the checkpoint before.
create function audit.seal(
    held_fencing bigint, follows bigint, sealed_size bigint, signed_note text,
    tile_levels smallint[], tile_indexes bigint[], tile_hashes bytea[],
    content_tiles bigint[], content_streams text[]
) returns void
language plpgsql volatile security definer
set search_path = audit, pg_temp
as $$
begin
    -- Nobody takes the lease over before this transaction ends.
    perform from sealer s where s.fencing = held_fencing for share;
    if not found then
        raise exception 'another process has taken over sealing'
            using errcode = 'integrity_constraint_violation', constraint = 'sealer_lease_held';
    end if;
    if coalesce((select c.size from checkpoints c order by c.size desc limit 1), 0) <> follows
            or sealed_size <= follows then
        raise exception 'the checkpoint does not follow the newest one'
            using errcode = 'integrity_constraint_violation', constraint = 'checkpoints_follow';
    end if;
    insert into tiles as t (level, index, hashes)
    select n.level, n.index, n.hashes
    from unnest(tile_levels, tile_indexes, tile_hashes) as n (level, index, hashes)
    on conflict (level, index) do update set hashes = excluded.hashes;
    insert into contents as c (tile, streams)
    select n.tile, n.streams
    from unnest(content_tiles, content_streams) as n (tile, streams)
    on conflict (tile) do update set streams = excluded.streams;
    insert into checkpoints (size, note) values (sealed_size, signed_note);
    perform pg_notify('daybook_sealed', sealed_size::text);
end;
$$;

grant usage on schema audit to daybook_server;
grant select on audit.tiles, audit.contents, audit.checkpoints to daybook_server;
grant select, insert, update on audit.sealer to daybook_server;
revoke execute on function audit.seal from public;
grant execute on function audit.seal to daybook_server;

-- Taking ownership needs the right to create in the schema, for this moment only.
grant usage, create on schema audit to daybook_log;
alter table audit.tiles owner to daybook_log;
alter table audit.contents owner to daybook_log;
alter table audit.checkpoints owner to daybook_log;
alter table audit.sealer owner to daybook_log;
alter function audit.seal owner to daybook_log;
revoke create on schema audit from daybook_log;

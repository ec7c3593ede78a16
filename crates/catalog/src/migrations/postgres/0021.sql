-- The move of objects from one store to another: the latest alone. document: how it stands, as JSON.
CREATE TABLE store_move (
    id BIGINT PRIMARY KEY,
    document TEXT COLLATE "C" NOT NULL
);

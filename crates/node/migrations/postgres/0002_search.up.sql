-- Under which words documents are found, and what is left of a word when one letter is taken out;
-- see custody::model::search. Words compare by bytes, as in SQLite. Filled from the documents when
-- the node starts.
CREATE TABLE search_words (
    kind TEXT COLLATE "C" NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, word, id)
);
CREATE INDEX search_words_by_id ON search_words (kind, id, word);
CREATE TABLE search_variants (
    kind TEXT COLLATE "C" NOT NULL,
    variant TEXT COLLATE "C" NOT NULL,
    word TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, variant, word)
);
CREATE INDEX search_variants_by_word ON search_variants (kind, word);

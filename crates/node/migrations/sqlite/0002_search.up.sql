-- Under which words documents are found, and what is left of a word when one letter is taken out;
-- see custody::model::search. Filled from the documents when the node starts.
CREATE TABLE search_words (
    kind TEXT NOT NULL,
    word TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, word, id)
) WITHOUT ROWID;
CREATE INDEX search_words_by_id ON search_words (kind, id, word);
CREATE TABLE search_variants (
    kind TEXT NOT NULL,
    variant TEXT NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (kind, variant, word)
) WITHOUT ROWID;
CREATE INDEX search_variants_by_word ON search_variants (kind, word);

DROP TABLE search_variants;
DROP TABLE search_words;

//! Reading radiographs: preprocessing, models, training, evaluation, heatmaps.

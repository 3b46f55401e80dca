"""Where the default model is made: composer, renderer, data set, training and export."""

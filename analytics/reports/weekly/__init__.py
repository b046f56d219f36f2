"""The weekly report. `seeing` judges coverage; the other modules each turn figures into a section, and `page`
puts these in order."""

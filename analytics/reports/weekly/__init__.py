"""The weekly report. `seeing` judges coverage, `verdict`, `numbers`, `due`, `decide`, `changes`, `groups`,
`rhythm` and `sight` each turn figures into one section, `page` puts them in order."""

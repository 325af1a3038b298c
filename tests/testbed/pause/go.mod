module andante.test/testbed/pause

go 1.26.0

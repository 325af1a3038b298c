module andante.test/testbed/sample

go 1.26.0

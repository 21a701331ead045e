select "foo"

"""The commands of the command line, by what they are about. `cli` loads each when it is used."""

"""The live room: shows a session to its viewers and takes the input of the one who may act."""

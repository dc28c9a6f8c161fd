"""The parts of a session's screen: frames, hands, fields, overlays, downloads, one tab."""

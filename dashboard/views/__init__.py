"""Pure shaping: what pages show, made of what the client answers; no Streamlit, no clock."""

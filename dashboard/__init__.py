"""The dashboard: a client of a knowledge base or of its HTTP service, shown by Streamlit."""

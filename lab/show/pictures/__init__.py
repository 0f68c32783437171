"""Pictures for documents: traces in, SVG or Mermaid out."""

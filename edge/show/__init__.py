"""What a person sees: lines, boxes, videos."""

"""What flows through the tool: label sets, palettes, masks, results, and their JSON document."""

"""The web service: create_app, routes, pages. The only importer of Flask."""

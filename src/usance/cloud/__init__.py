"""Access to an OpenStack cloud: tokens, catalog, paging, projects, users, images, addresses."""

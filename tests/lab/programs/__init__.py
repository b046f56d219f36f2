"""Programs the lab starts inside its namespaces; each stands alone and takes one JSON argument."""

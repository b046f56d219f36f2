SELECT exception, subject FROM compiled_exception_people ORDER BY exception, subject

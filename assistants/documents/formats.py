"""The formats that are read, and by which names text files of each kind go."""

from typing import Final

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MARKDOWN, HTML, CSV, PLAIN = "text/markdown", "text/html", "text/csv", "text/plain"

# Main part of an office file → its media type, the extension, what its content types must say.
OFFICE: Final = {
    "word/document.xml": (DOCX, "docx", "wordprocessingml.document.main+xml"),
    "ppt/presentation.xml": (PPTX, "pptx", "presentationml.presentation.main+xml"),
    "xl/workbook.xml": (XLSX, "xlsx", "spreadsheetml.sheet.main+xml"),
}
IMAGES: Final = {
    "PNG": ("image/png", "png"),
    "JPEG": ("image/jpeg", "jpg"),
    "WEBP": ("image/webp", "webp"),
    "GIF": ("image/gif", "gif"),
}
MARKED: Final = {"md": MARKDOWN, "markdown": MARKDOWN, "html": HTML, "htm": HTML, "csv": CSV, "tsv": CSV}
CODE: Final = frozenset({
    "py", "pyi", "js", "mjs", "cjs", "ts", "tsx", "jsx", "json", "jsonl", "yaml", "yml", "toml", "ini", "cfg",
    "conf", "env", "sh", "bash", "zsh", "fish", "ps1", "bat", "sql", "go", "rs", "java", "kt", "kts", "c", "h",
    "cc", "cpp", "cxx", "hpp", "cs", "rb", "php", "pl", "pm", "lua", "r", "jl", "swift", "scala", "clj", "ex",
    "exs", "erl", "hs", "ml", "fs", "dart", "vue", "svelte", "css", "scss", "sass", "less", "xml", "xsd", "svg",
    "proto", "graphql", "tf", "hcl", "gradle", "make", "mk", "cmake", "dockerfile", "diff", "patch", "ipynb",
    "tex", "bib", "rst", "adoc", "org", "log",
})  # fmt: skip
"""Read as plain text, line by line."""
BINARY_NAMES: Final = frozenset({
    "pdf", "docx", "pptx", "xlsx", "doc", "ppt", "xls", "docm", "pptm", "xlsm", "odt", "ods", "odp", "rtf",
    "epub", "png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "ico", "zip", "rar", "7z", "gz", "tar",
    "exe", "dll", "so", "dylib", "bin", "iso", "dmg", "jar", "apk", "class", "pyc", "mp3", "mp4", "mov", "avi",
    "wav",
})  # fmt: skip
"""A text that is named like one of these is not what it says."""
ACCEPT: Final = ".pdf,.docx,.pptx,.xlsx,.csv,.tsv,.md,.html,.htm,.txt," + ",".join(
    f".{name}" for name in sorted(CODE)
)
"""For the `accept` of a file field: a convenience, nothing is believed of it."""


def extension_of(name: str) -> str:
    """In lower case, without the dot; empty when there is none that can be one."""
    stem, dot, last = name.rpartition(".")
    if not dot or not stem.strip(". ") or not last.isalnum() or len(last) > 12:
        return ""
    return last.lower()

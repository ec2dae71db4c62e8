internal import BackupModel
internal import Glibc

extension MongoURI {
    /// Refuses TLS files that are not there or are no files: the driver would hang on a pipe, and say of a missing one only
    /// after its time limit that no server was found.
    func requireFiles() throws {
        for option in parts.options where Self.fileOptions.contains(option.name.lowercased()) {
            guard let path = option.value?.percentDecoded else { continue }
            var status = stat()
            let reason =
                if stat(path, &status) != 0 {
                    String(cString: strerror(errno)).lowercased()
                } else if status.st_mode & S_IFMT != S_IFREG {
                    "it is not a regular file"
                } else if access(path, R_OK) != 0 {
                    String(cString: strerror(errno)).lowercased()
                } else {
                    String?.none
                }
            guard let reason else { continue }
            throw BackupError(
                .secretUnavailable,
                "cannot read the file of URI option '\(option.name)': '\(path.escapedForDisplay)': \(reason)")
        }
    }

    private static let fileOptions: Set<String> = [
        "tlscafile", "tlscertificatekeyfile", "tlscrlfile", "sslcertificateauthorityfile",
        "sslclientcertificatekeyfile",
    ]
}

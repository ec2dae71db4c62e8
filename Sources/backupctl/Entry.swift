import BackupCommands

@main
struct Entry {
    static func main() {
        CommandLineEntry.run()
    }
}

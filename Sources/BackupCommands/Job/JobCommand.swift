import ArgumentParser

struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job",
        abstract: "Jobs: what is backed up, and how.",
        subcommands: [
            JobCreate.self, JobEdit.self, JobList.self, JobShow.self, JobPause.self, JobResume.self, JobDelete.self,
        ]
    )
}

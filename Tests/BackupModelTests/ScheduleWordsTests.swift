import BackupModel
import Testing

@Suite struct ScheduleWordsTests {
    @Test(arguments: [
        ("30 2 * * 0", "at 02:30 every Sunday (Europe/Warsaw)"), ("@daily", "at 00:00 every day (Europe/Warsaw)"),
        ("0 2,14 * * *", "at 02:00 and 14:00 every day (Europe/Warsaw)"),
        ("* * * * *", "every minute (Europe/Warsaw)"), ("*/15 * * * *", "every 15 minutes (Europe/Warsaw)"),
        ("*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:45 from Monday to Friday (Europe/Warsaw)"),
        ("*/30 2 * * *", "every 30 minutes from 02:00 to 02:30 (Europe/Warsaw)"),
        ("*/20 1,5 * * *", "every 20 minutes of the hours 1 and 5 (Europe/Warsaw)"),
        ("*/35 * * * *", "at minutes 0 and 35 of every hour (Europe/Warsaw)"),
        ("@hourly", "at minute 0 of every hour (Europe/Warsaw)"),
        ("15 */2 * * *", "every 2 hours from 00:15 to 22:15 (Europe/Warsaw)"),
        ("0 8-18 * * SAT", "every hour from 08:00 to 18:00 every Saturday (Europe/Warsaw)"),
        ("5,35 1-4 * * *", "at minutes 5 and 35 of the hours 1 to 4 every day (Europe/Warsaw)"),
        ("0 3 1 * *", "at 03:00 on day 1 of every month (Europe/Warsaw)"),
        ("0 3 1 1,6-8 *", "at 03:00 on day 1 of January and June to August (Europe/Warsaw)"),
        ("0 3 * 6 *", "at 03:00 every day in June (Europe/Warsaw)"),
        ("0 3 * 6 MON,WED", "at 03:00 every Monday and Wednesday in June (Europe/Warsaw)"),
        ("0 3 * * FRI-SUN", "at 03:00 from Friday to Sunday (Europe/Warsaw)"),
        ("0 3 L * *", "at 03:00 on the last day of every month (Europe/Warsaw)"),
        (
            "0 3 15,L-3,LW * ?",
            "at 03:00 on day 15, the day 3 before the last and the last weekday (Monday to Friday) of every month (Europe/Warsaw)"
        ),
        ("0 3 15W * *", "at 03:00 on the weekday (Monday to Friday) nearest to day 15 of every month (Europe/Warsaw)"),
        ("0 3 * * MON#1,5L", "at 03:00 on the first Monday and the last Friday of every month (Europe/Warsaw)"),
        (
            "0 3 1,15 * 5",
            "at 03:00 on days 1 and 15 of every month, and every Friday (either is enough) (Europe/Warsaw)"
        ),
        (
            "0 3 1 6 5,1#1",
            "at 03:00 on day 1 of June, and every Friday in June and on the first Monday of June (either is enough) (Europe/Warsaw)"
        ),
        (
            "0 3 1-7 * */7",
            "at 03:00 on days 1 to 7 of every month, but only on Sunday (both must match) (Europe/Warsaw)"
        ),
        (
            "0 3 */2 * 1",
            "at 03:00 on days 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of every month, but only on Monday (both must match) (Europe/Warsaw)"
        ),
        ("@every 6h", "every 6 hours"), ("@every 1d", "every day"), ("@every 90s", "every 90 seconds"),
        ("@every 36h", "every 36 hours"),
    ])
    func rulesReadAsSentences(rule: String, words: String) throws {
        #expect(try Schedule(rule).inWords(zoneName: "Europe/Warsaw") == words)
    }
}

/* Runs a command and writes what it cost to a file, as JSON: measure OUT COMMAND ARGUMENTS...
 * Seconds of wall, user and system time to the microsecond (the shell's own `time` gives milliseconds, GNU time
 * hundredths), peak memory, and the bytes it caused to be written to storage. Exits as the command did. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

int main(int argc, char **argv)
{
    struct timespec from, to;
    struct rusage used;
    int status;
    FILE *out;

    if (argc < 3) return 125;
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) < 0) return 125;
    clock_gettime(CLOCK_MONOTONIC, &to);
    out = fopen(argv[1], "w");
    if (!out) return 125;
    fprintf(out,
            "{\"status\": %d, \"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"rssKiB\": %ld, \"writtenBytes\": %lld}\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9, seconds(used.ru_utime), seconds(used.ru_stime),
            used.ru_maxrss, used.ru_oublock * 512LL);
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

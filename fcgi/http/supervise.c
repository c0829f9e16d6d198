/* SPDX-License-Identifier: MIT */
/* supervise.c: the parent of the workers; see supervise.h. */
#include "http/supervise.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/log.h"
#include "http/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKLOG = 4096, RESTART_MS = 200, RESTART_MAX_MS = 10000, STEADY_MS = 10000 };

struct child {
    pid_t pid; /* 0 while not running */
    int64_t began_ms;
    int64_t again_ms; /* when it may be started */
    int64_t pause_ms; /* grows while it keeps dying young */
};

static bool address_of(const char *path, struct sockaddr_un *a, struct fault *f)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof a->sun_path)
        return fault_set(
            f, FAULT_BAD_REQUEST,
            "the socket path %s has %zu bytes and may have %zu: choose a shorter POLLUX_HOME or set "
            "POLLUX_SOCKET",
            path, strlen(path), sizeof a->sun_path - 1);
    memcpy(a->sun_path, path, strlen(path) + 1);
    return true;
}

static bool in_use(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) == 0;
    if (fd >= 0)
        close(fd);
    return alive;
}

/* The socket that start_anew() left to us, out of the way of the workers' descriptor 0; or -1, also when the settings
 * name another place by now. */
static int inherited(const char *path)
{
    struct sockaddr_un a = {0};
    socklen_t n = sizeof a - 1;
    if (!worker_fd_listens(STDIN_FILENO))
        return -1;
    bool same = getsockname(STDIN_FILENO, (struct sockaddr *)&a, &n) == 0 && strcmp(a.sun_path, path) == 0;
    int fd = same ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (!same)
        unlink(a.sun_path);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    close(null);
    return fd;
}

int supervise_listen(const char *path, struct fault *f)
{
    struct sockaddr_un a;
    int left = inherited(path);
    if (left >= 0)
        return left;
    if (!address_of(path, &a, f))
        return -1;
    if (in_use(&a)) {
        fault_set(f, FAULT_UNAVAILABLE, "somebody serves %s already: stop that instance, or set POLLUX_HOME",
                  path);
        return -1;
    }
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0117);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, BACKLOG) == 0;
    int why = errno;
    umask(mask);
    if (ok)
        return fd;
    fault_set(f, FAULT_UNAVAILABLE, "cannot make the socket %s: %s", path, strerror(why));
    if (fd >= 0)
        close(fd);
    return -1;
}

static void start(struct child *c, int listen_fd, int (*work)(int))
{
    pid_t parent = getpid();
    c->began_ms = clock_ms();
    c->pid = fork();
    if (c->pid < 0) {
        log_error("cannot start a worker: %s", strerror(errno));
        c->pid = 0;
        c->again_ms = c->began_ms + RESTART_MAX_MS;
    }
    if (c->pid != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* without its parent a worker drains and ends */
    if (getppid() != parent)
        _exit(1);
    exit(work(listen_fd));
}

static void note_end(struct child *c, int status)
{
    int64_t now = clock_ms();
    if (WIFSIGNALED(status))
        log_error("worker %d died of signal %d; another one is started", (int)c->pid, WTERMSIG(status));
    else
        log_error("worker %d ended with status %d; another one is started", (int)c->pid, WEXITSTATUS(status));
    bool young = now - c->began_ms < STEADY_MS;
    c->pause_ms = young && c->pause_ms > 0 ? c->pause_ms * 2 : RESTART_MS;
    if (c->pause_ms > RESTART_MAX_MS)
        c->pause_ms = RESTART_MAX_MS;
    c->again_ms = now + c->pause_ms;
    c->pid = 0;
}

static void reap(struct child *children, int n)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int i = 0; i < n; i++)
            if (children[i].pid == pid)
                note_end(&children[i], status);
}

static void stop(struct child *children, int n)
{
    for (int i = 0; i < n; i++)
        if (children[i].pid > 0)
            kill(children[i].pid, SIGTERM);
}

static int wait_for_all(void)
{
    int worst = 0, status;
    while (waitpid(-1, &status, 0) > 0 || errno == EINTR)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            worst = 1;
    return worst;
}

/* Whether the program, as it is on the disk now, could start with the settings as they are now. */
static bool could_start(const char *program)
{
    const char *const argv[] = {program, "--check", NULL};
    pid_t pid;
    int status, why = posix_spawnp(&pid, program, NULL, NULL, (char *const *)argv, environ);
    if (why != 0) {
        log_error("nothing is taken up, the workers stay as they are: %s: %s", program, strerror(why));
        return false;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    log_error("nothing is taken up, the workers stay as they are: mend what is said above");
    return false;
}

/* This process becomes the program as it is now, with the same socket: connections wait in its queue until the new
 * workers accept. The old ones stay its children and finish what they serve. */
static void start_anew(const char *program, int listen_fd, struct child *children, int n)
{
    if (!could_start(program))
        return;
    log_info("starting anew: %s; the workers finish what they serve", program);
    stop(children, n);
    dup2(listen_fd, STDIN_FILENO);
    const char *const argv[] = {program, "--serve", NULL};
    execvp(program, (char *const *)argv);
    log_error("cannot start %s: %s", program, strerror(errno));
}

int supervise_run(int listen_fd, int workers, int (*work)(int listen_fd), const char *program)
{
    struct child *children = xcalloc((size_t)workers, sizeof *children);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    const struct timespec tick = {.tv_nsec = 100000000L};
    for (;;) {
        reap(children, workers);
        for (int i = 0; i < workers; i++)
            if (children[i].pid == 0 && clock_ms() >= children[i].again_ms)
                start(&children[i], listen_fd, work);
        int sig = sigtimedwait(&set, NULL, &tick);
        if (sig == SIGHUP)
            start_anew(program, listen_fd, children, workers);
        if (sig == SIGTERM || sig == SIGINT)
            break;
    }
    stop(children, workers);
    int status = wait_for_all();
    free(children);
    return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * worker.c: takes requests from the web server and gives each one a thread.
 *
 * We accept connections ourselves and hand libfcgi the connected descriptor:
 * its own accept cannot be woken for a shutdown, closes connections whose first
 * bytes are slow, and misjudges sockets that a supervisor hands over. The
 * descriptor is put where FCGX_Accept_r() looks for a kept-alive connection;
 * its listening socket is set to none, so that it never accepts by itself.
 */
#include "http/worker.h"
#include "base/auto.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"

#include <errno.h>
#include <fcgiapp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STACK_BYTES = 256 * 1024,
    SPARE_THREADS = 32,     /* idle threads that are kept */
    CUT_US = 20 * 1000,     /* pause before an answer that breaks off does so, and between looks whether it is read */
    CUT_LOOKS = 100,
    WAKE_MS = 50,           /* how often threads in accept() are woken while draining */
    BODY_READ_SECONDS = 60, /* silence of a client that is sending its body */
    SAY_AGAIN_MS = 10000,   /* what there is too little of is told so often at the most */
};

/* One request thread, in a list so that it can be woken. */
struct runner {
    pthread_t thread;
    struct runner *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended; /* a thread left the list */
    struct runner *first;
    long threads, idle;
    int listen_fd;
    worker_handler *handle;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_bool draining;
static atomic_long busy;

long worker_busy(void)
{
    return atomic_load(&busy);
}

bool worker_draining(void)
{
    return atomic_load(&draining);
}

/* ------------------------------------------------------------------ FastCGI bytes */

static long fcgi_read(void *ctx, char *to, size_t n)
{
    FCGX_Request *fr = ctx;
    if (fr->in == NULL)
        return 0;
    int got = FCGX_GetStr(to, n > 65536 ? 65536 : (int)n, fr->in);
    return got > 0 ? got : FCGX_GetError(fr->in) != 0 ? -1 : 0;
}

/* A stream that runs for minutes does not hold the buffer through which its request came. */
static void fcgi_all_read(void *ctx)
{
    FCGX_Request *fr = ctx;
    FCGX_FreeStream(&fr->in);
}

static bool fcgi_write(void *ctx, const char *bytes, size_t n)
{
    FCGX_Request *fr = ctx;
    while (n > 0) {
        int part = n > 1 << 20 ? 1 << 20 : (int)n;
        if (FCGX_PutStr(bytes, part, fr->out) != part)
            return false;
        bytes += part;
        n -= (size_t)part;
    }
    return true;
}

static bool fcgi_flush(void *ctx)
{
    FCGX_Request *fr = ctx;
    return FCGX_FFlush(fr->out) == 0;
}

/* Web servers tell of a client that left by closing the connection, and by nothing else. While the request
 * body is still arriving there are bytes to read, which is no sign of leaving. */
static bool fcgi_gone(void *ctx)
{
    FCGX_Request *fr = ctx;
    struct pollfd p = {.fd = fr->ipcFd, .events = POLLIN | POLLRDHUP};
    if (poll(&p, 1, 0) <= 0)
        return false;
    if (p.revents & (POLLHUP | POLLERR | POLLNVAL))
        return true;
    char byte;
    return recv(fr->ipcFd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* A web server that meets a beginning and its missing end at once may take them for a whole answer: what was sent has
 * to be read before the connection breaks. */
static void let_be_read(int fd)
{
    int left = 0;
    for (int i = 0; i < CUT_LOOKS && ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0; i++)
        usleep(CUT_US);
    usleep(CUT_US);
}

/* Sends what is left and closes; what was cut has no end. FCGX_Finish_r() would not do without `in`. */
static void finish(FCGX_Request *fr, bool cut)
{
    if (cut) {
        let_be_read(fr->ipcFd);
    } else {
        FCGX_FClose(fr->err);
        FCGX_FClose(fr->out);
    }
    FCGX_Free(fr, 1);
}

static void set_timeouts(int fd)
{
    struct timeval out = {.tv_sec = (time_t)conf.write_timeout}, in = {.tv_sec = BODY_READ_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &out, sizeof out);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &in, sizeof in);
}

static void serve(int fd)
{
    set_timeouts(fd);
    FCGX_Request fr;
    FCGX_InitRequest(&fr, -1, 0);
    fr.ipcFd = fd;
    fr.keepConnection = 1; /* otherwise FCGX_Accept_r() would close the descriptor it was given */
    if (FCGX_Accept_r(&fr) < 0)
        return; /* garbage, or the web server hung up: closed by libfcgi */
    struct request r;
    const struct request_io io = {.read = fcgi_read,
                                  .all_read = fcgi_all_read,
                                  .write = fcgi_write,
                                  .flush = fcgi_flush,
                                  .gone = fcgi_gone,
                                  .ctx = &fr};
    request_open(&r, fr.envp, &io);
    pool.handle(&r);
    request_close(&r);
    finish(&fr, r.cut);
}

/* ------------------------------------------------------------------ threads */

/* Of something that every thread may meet many times a second. */
static void warn_rarely(const char *what, int why, const char *hint)
{
    static atomic_llong next_ms;
    long long now = clock_ms(), next = atomic_load(&next_ms);
    if (now >= next && atomic_compare_exchange_strong(&next_ms, &next, now + SAY_AGAIN_MS))
        log_warn("%s: %s; %s", what, strerror(why), hint);
}

static void wake_accept(int sig)
{
    (void)sig; /* only interrupts accept() */
}

static void mask_wake_signal(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(how, &set, NULL);
}

/* The next connection, or -1 when the worker is draining. SIGUSR2 can get through here and nowhere else. */
static int next_connection(void)
{
    for (;;) {
        if (worker_draining())
            return -1;
        mask_wake_signal(SIG_UNBLOCK);
        int fd = accept4(pool.listen_fd, NULL, NULL, SOCK_CLOEXEC);
        int why = errno;
        mask_wake_signal(SIG_BLOCK);
        if (fd >= 0)
            return fd;
        if (why == EBADF || why == EINVAL || why == ENOTSOCK)
            return -1;
        if (why == EMFILE || why == ENFILE || why == ENOBUFS || why == ENOMEM) {
            warn_rarely("cannot accept connections", why, "raise the limit of open files");
            usleep(100 * 1000);
        }
    }
}

static bool start_thread(void);

static void leave_list(struct runner *self)
{
    struct runner **at = &pool.first;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    pool.threads--;
    pthread_cond_signal(&pool.ended);
}

/* Marks this thread busy; if no other is left to accept, one more is made. */
static void become_busy(void)
{
    auto_lock(&pool.lock);
    atomic_fetch_add(&busy, 1);
    pool.idle--;
    if (pool.idle == 0 && pool.threads < conf.threads && !worker_draining())
        start_thread();
}

/* Marks this thread idle; false when enough others are. */
static bool become_idle(void)
{
    auto_lock(&pool.lock);
    atomic_fetch_sub(&busy, 1);
    if (pool.idle >= SPARE_THREADS)
        return false;
    pool.idle++;
    return true;
}

static void *thread_main(void *arg)
{
    struct runner *self = arg;
    bool spare = false;
    for (int fd; !spare && (fd = next_connection()) >= 0; spare = !become_idle()) {
        become_busy();
        serve(fd);
    }
    auto_lock(&pool.lock);
    if (!spare)
        pool.idle--;
    leave_list(self);
    free(self);
    return NULL;
}

/* Called with the lock held. Counts the new thread as idle. */
static bool start_thread(void)
{
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    struct runner *r = xcalloc(1, sizeof *r);
    r->next = pool.first;
    int why = pthread_create(&r->thread, &attr, thread_main, r);
    pthread_attr_destroy(&attr);
    if (why != 0) {
        free(r);
        warn_rarely("cannot make another thread", why, "requests wait");
        return false;
    }
    pool.first = r;
    pool.threads++;
    pool.idle++;
    return true;
}

/* ------------------------------------------------------------------ process */

static void stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGUSR1);
}

void worker_signals_block(void)
{
    sigset_t set;
    stop_signals(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool worker_fd_listens(int fd)
{
    int yes = 0;
    socklen_t n = sizeof yes;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &n) == 0 && yes;
}

/* After FCGX_Init(), which installs handlers of its own. */
static void install_handlers(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, wake = {.sa_handler = wake_accept};
    struct sigaction preset = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGUSR2, &wake, NULL);
    sigaction(SIGTERM, &preset, NULL);
    sigaction(SIGUSR1, &preset, NULL);
}

/* With the lock held, when nobody is accepting any more: another supervisor may take the socket while requests are
 * still being finished here. A web server's own descriptor 0 stays as it is. */
static void stop_listening(void)
{
    if (pool.listen_fd > STDERR_FILENO)
        close(pool.listen_fd);
    pool.listen_fd = -1;
}

static bool drain(void)
{
    atomic_store(&draining, true);
    log_info("stopping: %ld requests finish first", worker_busy());
    int64_t limit = clock_ms() + conf.drain * 1000;
    auto_lock(&pool.lock);
    while (pool.threads > 0 && clock_ms() < limit) {
        for (struct runner *r = pool.first; r != NULL; r = r->next)
            pthread_kill(r->thread, SIGUSR2);
        if (pool.idle == 0)
            stop_listening();
        struct timespec until = clock_in(WAKE_MS);
        pthread_cond_timedwait(&pool.ended, &pool.lock, &until);
    }
    return pool.threads == 0;
}

/* A thread to accept could not be made when it was needed: perhaps it can be by now. */
static void accept_again(void)
{
    auto_lock(&pool.lock);
    if (pool.idle == 0 && pool.threads < conf.threads)
        start_thread();
}

bool worker_serve(int listen_fd, worker_handler *handle)
{
    FCGX_Init();
    clock_condition(&pool.ended);
    install_handlers();
    pool.listen_fd = listen_fd;
    pool.handle = handle;
    pthread_mutex_lock(&pool.lock);
    bool started = start_thread();
    pthread_mutex_unlock(&pool.lock);
    if (!started)
        return false;
    sigset_t set;
    stop_signals(&set);
    const struct timespec second = {.tv_sec = 1};
    while (sigtimedwait(&set, NULL, &second) < 0)
        accept_again();
    return drain();
}

/* ------------------------------------------------------------------ CGI */

static long cgi_read(void *ctx, char *to, size_t n)
{
    (void)ctx;
    ssize_t got;
    do
        got = read(STDIN_FILENO, to, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static void cgi_all_read(void *ctx)
{
    (void)ctx;
}

static bool cgi_write(void *ctx, const char *bytes, size_t n)
{
    (void)ctx;
    while (n > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static bool cgi_flush(void *ctx)
{
    (void)ctx;
    return true;
}

static bool cgi_gone(void *ctx)
{
    (void)ctx;
    struct pollfd p = {.fd = STDOUT_FILENO};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

/* What nobody read of the body: to Apache (mod_cgid) a program that ends before it has taken everything is a broken
 * connection, and its answer is lost. A client that sends no more ends it. */
static void cgi_drain(struct request *r)
{
    char waste[16384];
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    while (r->content_length > 0 && !r->broken && poll(&p, 1, BODY_READ_SECONDS * 1000) > 0 &&
           request_read(r, waste, sizeof waste) > 0)
        ;
}

void worker_cgi(worker_handler *handle)
{
    signal(SIGPIPE, SIG_IGN);
    struct request r;
    const struct request_io io = {
        .read = cgi_read, .all_read = cgi_all_read, .write = cgi_write, .flush = cgi_flush, .gone = cgi_gone};
    extern char **environ;
    request_open(&r, environ, &io);
    atomic_store(&busy, 1);
    handle(&r);
    cgi_drain(&r);
    request_close(&r);
}

// Each thread gets one contiguous range of blocks, cut before the grid starts, so there is no shared
// counter and no dependence of a result on timing. A range that its worker has not begun when the
// caller is done with its own is run by the caller: a worker that the system has not woken yet, or
// that is gone because the process forked, delays nothing.
#include "thread_pool.h"
#include "float_mode.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

// A worker's state. The caller writes IDLE -> POSTED and POSTED -> IDLE (it took the range back), the
// worker POSTED -> RUNNING -> IDLE. The job and the range change only while the worker is IDLE.
enum { IDLE, POSTED, RUNNING, QUIT };

#define SPIN_NANOSECONDS 50000 // longer than between two kernels, shorter than anybody notices

typedef struct {
  cellc_kernel_fn kernel;
  void *const *buffers;
  const int64_t *dims;
} job_t;

typedef struct {
  _Alignas(CELLCI_ALIGNMENT) atomic_uint state; // a cache line of its own: the one that is spun on
  _Alignas(CELLCI_ALIGNMENT) atomic_bool asleep;
  int64_t begin, end;
  void *scratch;
  cellci_pool_t *pool;
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
} worker_t;

struct cellci_pool {
  uint32_t threads;
  uint32_t started; // workers that run, without the caller
  pid_t process;
  bool spin;
  uint64_t scratch_bytes;
  job_t job;
  worker_t *workers; // [0] is the caller: only its scratch is used
  atomic_bool caller_asleep;
  pthread_mutex_t mutex;
  pthread_cond_t done;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// Waits a short while for `state` to be another than `value`; the state at the end.
static unsigned spin_while(const cellci_pool_t *pool, atomic_uint *state, unsigned value) {
  unsigned seen = atomic_load_explicit(state, memory_order_acquire);
  if (seen != value || !pool->spin)
    return seen;
  uint64_t end = now() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < 32 && seen == value; i++) {
      relax();
      seen = atomic_load_explicit(state, memory_order_acquire);
    }
  } while (seen == value && now() < end);
  return seen;
}

static void run_range(const job_t *job, int64_t begin, int64_t end, void *scratch) {
  for (int64_t block = begin; block < end; block++)
    job->kernel(job->buffers, job->dims, block, scratch);
}

// Sleeping and waking use the order "write mine, read yours" on both sides (all sequentially
// consistent): either the sleeper sees the new state or the waker sees the sleeper.
static void sleep_while_idle(worker_t *worker) {
  pthread_mutex_lock(&worker->mutex);
  atomic_store(&worker->asleep, true);
  while (atomic_load(&worker->state) == IDLE)
    pthread_cond_wait(&worker->wake, &worker->mutex);
  atomic_store(&worker->asleep, false);
  pthread_mutex_unlock(&worker->mutex);
}

static void set_state_and_wake(worker_t *worker, unsigned state) {
  atomic_store(&worker->state, state);
  if (!atomic_load(&worker->asleep))
    return;
  pthread_mutex_lock(&worker->mutex);
  pthread_cond_signal(&worker->wake);
  pthread_mutex_unlock(&worker->mutex);
}

static void finish(worker_t *worker) {
  cellci_pool_t *pool = worker->pool;
  atomic_store(&worker->state, IDLE);
  if (!atomic_load(&pool->caller_asleep))
    return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_signal(&pool->done);
  pthread_mutex_unlock(&pool->mutex);
}

static void *worker_main(void *argument) {
  worker_t *worker = argument;
  cellci_float_mode_enter(); // as the caller of a run has it
  for (;;) {
    unsigned state = spin_while(worker->pool, &worker->state, IDLE);
    if (state == QUIT)
      return NULL;
    if (state == IDLE) {
      sleep_while_idle(worker);
      continue;
    }
    unsigned posted = POSTED;
    if (!atomic_compare_exchange_strong(&worker->state, &posted, RUNNING))
      continue;
    run_range(&worker->pool->job, worker->begin, worker->end, worker->scratch);
    finish(worker);
  }
}

static void wait_for(cellci_pool_t *pool, worker_t *worker) {
  if (spin_while(pool, &worker->state, RUNNING) == IDLE)
    return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_asleep, true);
  while (atomic_load(&worker->state) == RUNNING)
    pthread_cond_wait(&pool->done, &pool->mutex);
  atomic_store(&pool->caller_asleep, false);
  pthread_mutex_unlock(&pool->mutex);
}

void cellci_pool_run(cellci_pool_t *pool, cellc_kernel_fn kernel, void *const *buffers, const int64_t *dims,
                     int64_t blocks) {
  int64_t ranges = blocks < (int64_t)pool->threads ? blocks : (int64_t)pool->threads;
  job_t job = {kernel, buffers, dims};
  void *scratch = pool->workers[0].scratch;
  if (ranges <= 1) {
    run_range(&job, 0, blocks, scratch);
    return;
  }
  pool->job = job;
  int64_t each = blocks / ranges, longer = blocks % ranges; // the first `longer` ranges have one more
  int64_t begin = each + (longer > 0);
  for (int64_t i = 1; i < ranges; i++) {
    worker_t *worker = &pool->workers[i];
    worker->begin = begin;
    worker->end = begin += each + (i < longer);
    set_state_and_wake(worker, POSTED);
  }
  run_range(&job, 0, each + (longer > 0), scratch);
  for (int64_t i = ranges - 1; i > 0; i--) {
    worker_t *worker = &pool->workers[i];
    unsigned posted = POSTED;
    if (atomic_compare_exchange_strong(&worker->state, &posted, IDLE))
      run_range(&job, worker->begin, worker->end, scratch);
  }
  for (int64_t i = 1; i < ranges; i++)
    wait_for(pool, &pool->workers[i]);
}

// Signals are for the threads of the program, so workers block them all.
static cellc_status_t start_workers(cellci_pool_t *pool) {
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = 0;
  for (uint32_t i = 1; i < pool->threads && !error; i++) {
    worker_t *worker = &pool->workers[i];
    worker->pool = pool;
    atomic_init(&worker->state, IDLE);
    atomic_init(&worker->asleep, false);
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->wake, NULL);
    error = pthread_create(&worker->thread, NULL, worker_main, worker);
    if (!error)
      pool->started++;
  }
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (!error)
    return CELLC_OK;
  return cellci_fail(CELLC_DEVICE_FAILURE, "cannot start thread %u of %u (error %d)",
                     (unsigned)pool->started + 1, (unsigned)pool->threads, error);
}

cellc_status_t cellci_pool_create(uint32_t threads, cellci_pool_t **out_pool) {
  cellci_pool_t *pool = cellci_allocate(1, sizeof *pool, _Alignof(cellci_pool_t));
  if (!pool)
    return CELLC_OUT_OF_MEMORY;
  pool->workers = cellci_allocate(threads, sizeof *pool->workers, CELLCI_ALIGNMENT);
  if (!pool->workers) {
    cellci_release(pool);
    return CELLC_OUT_OF_MEMORY;
  }
  pool->threads = threads;
  pool->process = getpid();
  pool->spin = (long)threads <= sysconf(_SC_NPROCESSORS_ONLN); // else it would hold up the others
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->done, NULL);
  cellc_status_t status = start_workers(pool);
  if (status == CELLC_OK)
    *out_pool = pool;
  else
    cellci_pool_destroy(pool);
  return status;
}

void cellci_pool_destroy(cellci_pool_t *pool) {
  // After a fork the workers exist in the parent only: there is nothing to stop or to destroy.
  bool forked = pool->process != getpid();
  for (uint32_t i = 1; i <= pool->started && !forked; i++) {
    worker_t *worker = &pool->workers[i];
    set_state_and_wake(worker, QUIT);
    pthread_join(worker->thread, NULL);
    pthread_mutex_destroy(&worker->mutex);
    pthread_cond_destroy(&worker->wake);
  }
  for (uint32_t i = 0; i < pool->threads; i++)
    cellci_release(pool->workers[i].scratch);
  pthread_mutex_destroy(&pool->mutex);
  pthread_cond_destroy(&pool->done);
  cellci_release(pool->workers);
  cellci_release(pool);
}

uint32_t cellci_pool_thread_count(const cellci_pool_t *pool) { return pool->threads; }

cellc_status_t cellci_pool_reserve_scratch(cellci_pool_t *pool, uint64_t bytes) {
  if (bytes <= pool->scratch_bytes)
    return CELLC_OK;
  for (uint32_t i = 0; i < pool->threads; i++) {
    void *scratch = cellci_allocate_raw(bytes, CELLCI_ALIGNMENT);
    if (!scratch)
      return CELLC_OUT_OF_MEMORY; // a thread that got more keeps it: never less than recorded
    cellci_release(pool->workers[i].scratch);
    pool->workers[i].scratch = scratch;
  }
  pool->scratch_bytes = bytes;
  return CELLC_OK;
}

// The pause program for AArch64: see sampan/cluster/pause.py.
start:  mov     x0, #0                  // SIG_BLOCK
        adr     x1, set
        mov     x2, #0
        mov     x3, #8                  // the size of a signal set
        mov     x8, #135                // rt_sigprocmask
        svc     #0
next:   adr     x0, set
        mov     x1, #0
        mov     x2, #0                  // no time limit
        mov     x3, #8
        mov     x8, #137                // rt_sigtimedwait
        svc     #0
        cmp     w0, #2                  // SIGINT
        b.eq    done
        cmp     w0, #15                 // SIGTERM
        b.eq    done
        cmp     w0, #17                 // SIGCHLD
        b.ne    next
reap:   mov     x0, #-1                 // any child
        mov     x1, #0
        mov     x2, #1                  // WNOHANG
        mov     x3, #0
        mov     x8, #260                // wait4
        svc     #0
        cmp     w0, #0
        b.gt    reap
        b       next
done:   mov     x0, #0
        mov     x8, #94                 // exit_group
        svc     #0
set:    .quad   -1                      // every signal

//! The disk as SQLite sees it: a VFS in front of the original one.
//!
//! All `unsafe` that is about talking to C is here. SQLite promises that each pointer it hands to a
//! VFS is valid for the call, that a handle is used by one thread at a time, and that `xClose` is the
//! last call for a handle whose `xOpen` set its methods.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering, fence};

use rusqlite::ffi;

use crate::registry::{self, Device};
use crate::shm::Shm;
use crate::state::{Level, Opening, Trouble};

/// What SQLite keeps for each open file: its methods come first.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

struct Handle {
    device: Arc<Device>,
    id: u64,
    /// Keeps the memory in place that SQLite has seen.
    shm: Option<Arc<Shm>>,
    delete_on_close: Option<String>,
}

/// The VFS that was the default one before.
static ORIGINAL: AtomicPtr<ffi::sqlite3_vfs> = AtomicPtr::new(null_mut());

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    // Shared memory, but no memory-mapped files.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// Makes this the default VFS, once in each process.
pub(crate) fn install() {
    static INSTALLED: OnceLock<c_int> = OnceLock::new();
    let code = *INSTALLED.get_or_init(|| {
        // SAFETY: Both functions may be called at any time. The original VFS is static, and so is ours
        // from here on. What is copied into ours are functions that do not look at the VFS they are
        // called with, but for `pAppData`, which is copied, too.
        unsafe {
            let code = ffi::sqlite3_initialize();
            if code != ffi::SQLITE_OK {
                return code;
            }
            let original = ffi::sqlite3_vfs_find(null());
            if original.is_null() {
                return ffi::SQLITE_ERROR;
            }
            ORIGINAL.store(original, Ordering::Release);
            let mut ours = *original;
            ours.pNext = null_mut();
            ours.zName = c"ringbook-disk".as_ptr();
            ours.szOsFile = ours.szOsFile.max(size_of::<File>() as c_int);
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            ours.xAccess = Some(access);
            ours.xFullPathname = Some(full_pathname);
            ours.xSleep = Some(sleep);
            ffi::sqlite3_vfs_register(Box::leak(Box::new(ours)), 1)
        }
    });
    assert!(code == ffi::SQLITE_OK, "SQLite did not take the disk as its file system: {code}");
}

fn original() -> *mut ffi::sqlite3_vfs {
    ORIGINAL.load(Ordering::Acquire)
}

/// The disk of a path and the file's name there; `None`: it is none of ours.
///
/// # Safety
/// `path` is null or ends with a zero.
unsafe fn find<'a>(path: *const c_char) -> Option<(Arc<Device>, &'a str)> {
    if path.is_null() {
        return None;
    }
    // SAFETY: The caller promises it.
    let path = unsafe { CStr::from_ptr(path) };
    registry::find(path.to_str().ok()?)
}

/// # Safety
/// `file` was opened by [`open`] and not closed.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: `open` stored a box there that lives until `close`, and one thread at a time uses it.
    unsafe { &mut *(*file.cast::<File>()).handle }
}

/// The result code, where `broken` says what could not be done.
fn code(result: Result<(), Trouble>, broken: c_int) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Trouble::Dead) => ffi::SQLITE_IOERR,
        Err(Trouble::Busy) => ffi::SQLITE_BUSY,
        Err(Trouble::Full) => ffi::SQLITE_FULL,
        Err(Trouble::Broken) => broken,
        Err(Trouble::Missing) => ffi::SQLITE_CANTOPEN,
    }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    let has = |flag: c_int| flags & flag != 0;
    // SAFETY: SQLite hands in a path or null, and room for `szOsFile` bytes.
    unsafe {
        let Some((device, name)) = find(path) else {
            let original = original();
            return match (*original).xOpen {
                Some(open) => open(original, path, file, flags, flags_out),
                None => ffi::SQLITE_CANTOPEN,
            };
        };
        // Without methods `xClose` is not called.
        (*file).pMethods = null();
        let create = has(ffi::SQLITE_OPEN_CREATE);
        let is_wal = has(ffi::SQLITE_OPEN_WAL);
        // A journal belongs to whom its database belongs to, whoever needs it first.
        let database = has(ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL)
            .then(|| ffi::sqlite3_database_file_object(path))
            // One that was opened before the disk was mounted is not ours.
            .filter(|database| (**database).pMethods == &raw const METHODS)
            .map(|database| handle(database).id);
        let opening = Opening {
            process: registry::process(),
            database,
            create,
            must_be_new: create && has(ffi::SQLITE_OPEN_EXCLUSIVE),
            is_wal,
            is_journal: is_wal
                || has(ffi::SQLITE_OPEN_MAIN_JOURNAL)
                || has(ffi::SQLITE_OPEN_SUPER_JOURNAL),
        };
        let opened = device.state().open(name, opening);
        let id = match opened {
            Ok(id) => id,
            Err(trouble) => return code(Err(trouble), ffi::SQLITE_CANTOPEN),
        };
        let delete_on_close = has(ffi::SQLITE_OPEN_DELETEONCLOSE).then(|| name.to_owned());
        let handle = Box::new(Handle { device, id, shm: None, delete_on_close });
        let ours = file.cast::<File>();
        (*ours).handle = Box::into_raw(handle);
        (*ours).base.pMethods = &raw const METHODS;
        if !flags_out.is_null() {
            *flags_out = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    sync_folder: c_int,
) -> c_int {
    // SAFETY: SQLite hands in a path.
    unsafe {
        let Some((device, name)) = find(path) else {
            let original = original();
            return match (*original).xDelete {
                Some(delete) => delete(original, path, sync_folder),
                None => ffi::SQLITE_IOERR_DELETE,
            };
        };
        let deleted = device.state().delete(name, sync_folder != 0, registry::process());
        match deleted {
            Err(Trouble::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
            other => code(other, ffi::SQLITE_IOERR_DELETE),
        }
    }
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands in a path, and a place for the answer.
    unsafe {
        let Some((device, name)) = find(path) else {
            let original = original();
            return match (*original).xAccess {
                Some(access) => access(original, path, flags, out),
                None => ffi::SQLITE_IOERR_ACCESS,
            };
        };
        let state = device.state();
        let found = state.contents.find(name);
        // An empty file does not exist, says SQLite's own VFS.
        let there = match found {
            Some(file) if flags == ffi::SQLITE_ACCESS_EXISTS => {
                !state.contents.data(file).is_empty()
            }
            found => found.is_some(),
        };
        *out = c_int::from(there);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite hands in a path, and `room` bytes at `out`.
    unsafe {
        if find(path).is_none() {
            let original = original();
            return match (*original).xFullPathname {
                Some(full) => full(original, path, room, out),
                None => ffi::SQLITE_CANTOPEN,
            };
        }
        let bytes = CStr::from_ptr(path).to_bytes_with_nul();
        if bytes.len() > usize::try_from(room).unwrap_or(0) {
            return ffi::SQLITE_CANTOPEN;
        }
        std::ptr::copy_nonoverlapping(path, out, bytes.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, micros: c_int) -> c_int {
    if registry::hurries() {
        // Whoever holds the lock may be a thread that wants this core.
        std::thread::yield_now();
        return micros;
    }
    let original = original();
    // SAFETY: The original VFS is static.
    unsafe { (*original).xSleep.map_or(0, |sleep| sleep(original, micros)) }
}

// The methods of a file. SAFETY of each: SQLite calls them with a file that `open` filled in, and with
// buffers of the size that it says.

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: See above; nothing uses the box after this.
    let handle = unsafe {
        let ours = file.cast::<File>();
        let handle = Box::from_raw((*ours).handle);
        (*ours).handle = null_mut();
        (*ours).base.pMethods = null();
        handle
    };
    let mut state = handle.device.state();
    if let Some(name) = &handle.delete_on_close {
        let _ = state.delete(name, false, registry::process());
    }
    state.close(handle.id);
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: See above.
    let (handle, into) = unsafe {
        (handle(file), std::slice::from_raw_parts_mut(into.cast::<u8>(), count as usize))
    };
    let state = handle.device.state();
    let data = match state.data(handle.id) {
        Ok(data) => data,
        Err(trouble) => return code(Err(trouble), ffi::SQLITE_IOERR_READ),
    };
    let from = data.len().min(offset as usize);
    let found = &data[from..data.len().min(from + into.len())];
    into[..found.len()].copy_from_slice(found);
    if found.len() == into.len() {
        return ffi::SQLITE_OK;
    }
    into[found.len()..].fill(0);
    ffi::SQLITE_IOERR_SHORT_READ
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    count: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: See above.
    let (handle, data) =
        unsafe { (handle(file), std::slice::from_raw_parts(from.cast::<u8>(), count as usize)) };
    let written = handle.device.state().write(handle.id, offset as usize, data);
    code(written, ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: See above.
    let handle = unsafe { handle(file) };
    let cut = handle.device.state().truncate(handle.id, size as usize);
    code(cut, ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: See above.
    let handle = unsafe { handle(file) };
    let synced = handle.device.state().sync(handle.id);
    code(synced, ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    out: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: See above.
    let (handle, out) = unsafe { (handle(file), &mut *out) };
    let size = handle.device.state().data(handle.id).map(|data| *out = data.len() as i64);
    code(size, ffi::SQLITE_IOERR_FSTAT)
}

fn level(level: c_int) -> Level {
    match level {
        ffi::SQLITE_LOCK_NONE => Level::None,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, wanted: c_int) -> c_int {
    // SAFETY: See above.
    let handle = unsafe { handle(file) };
    let locked = handle.device.state().lock(handle.id, level(wanted));
    waited_for(handle, locked)
}

/// The result code of taking a lock.
fn waited_for(handle: &Handle, locked: Result<(), Trouble>) -> c_int {
    if locked == Err(Trouble::Busy) {
        handle.device.is_waited_for();
    }
    code(locked, ffi::SQLITE_IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, kept: c_int) -> c_int {
    // SAFETY: See above.
    let handle = unsafe { handle(file) };
    let unlocked = handle.device.state().unlock(handle.id, level(kept));
    code(unlocked, ffi::SQLITE_IOERR_UNLOCK)
}

unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: See above.
    let (handle, out) = unsafe { (handle(file), &mut *out) };
    let reserved = handle.device.state().is_reserved(handle.id).map(|it| *out = c_int::from(it));
    code(reserved, ffi::SQLITE_IOERR_CHECKRESERVEDLOCK)
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    // What SQLite's own VFS says of any disk under Linux.
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE | ffi::SQLITE_IOCAP_SUBPAGE_READ
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    number: c_int,
    size: c_int,
    make: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: See above.
    let (handle, out) = unsafe { (handle(file), &mut *out) };
    let mapped = handle.device.state().map(handle.id);
    let shm = match mapped {
        Ok(shm) => shm,
        Err(trouble) => return code(Err(trouble), ffi::SQLITE_IOERR_SHMMAP),
    };
    let block = shm.block(number as usize, size as usize, make != 0);
    *out = block.map_or(null_mut(), |it| it.cast());
    handle.shm = Some(shm);
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: See above.
    let handle = unsafe { handle(file) };
    let mask = (((1_u16 << count) - 1) << first) as u8;
    let mut state = handle.device.state();
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        return code(state.shm_unlock(handle.id, mask), ffi::SQLITE_IOERR_SHMLOCK);
    }
    let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    let locked = state.shm_lock(handle.id, mask, exclusive);
    drop(state);
    waited_for(handle, locked)
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: See above.
    let handle = unsafe { handle(file) };
    handle.device.state().unmap(handle.id);
    handle.shm = None;
    ffi::SQLITE_OK
}

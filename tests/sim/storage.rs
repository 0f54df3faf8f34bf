//! What can be wrong with the disk and the database: full, failing, occupied, without power.

use ringbook_disk::Loss;

use crate::history::History;
use crate::life::Life;
use crate::runner::{PROCESSES_IN_TROUBLE, open_connections};
use crate::table::Dead;

impl History {
    /// Something goes wrong with the storage, or is mended.
    pub(crate) async fn storage(&mut self) {
        let choice = {
            let mut table = self.table.lock();
            table.cancel = None;
            if table.storage_fails && table.chance.below(2) == 0 {
                None
            } else {
                Some(table.chance.weighted(&self.mixture.storage))
            }
        };
        let what = match choice {
            None => {
                self.mend_storage();
                "the storage is well again".to_owned()
            }
            Some(0) => {
                let room = self.disk.size() + u64::from(self.table.lock().chance.below(20)) * 4096;
                self.disk.set_room(Some(room));
                "the disk is full".to_owned()
            }
            Some(1) => {
                let writes = u64::from(self.table.lock().chance.below(40));
                self.disk.fail_after(writes);
                format!("the disk fails after {writes} writes")
            }
            Some(2) => {
                self.disk.fail_syncs(true);
                "the disk refuses to sync".to_owned()
            }
            Some(3) => {
                let table = self.table.lock();
                if table.storage_fails {
                    return;
                }
                let occupied = table.watcher.as_ref().is_some_and(|it| it.occupy(true));
                if !occupied {
                    return;
                }
                "somebody else holds the database".to_owned()
            }
            Some(_) => return self.power_cut().await,
        };
        let mut table = self.table.lock();
        table.storage_fails = choice.is_some();
        table.say(|| what);
    }

    pub(crate) fn mend_storage(&self) {
        self.disk.set_room(None);
        self.disk.fail_writes(false);
        self.disk.fail_syncs(false);
        let mut table = self.table.lock();
        if let Some(watcher) = &table.watcher {
            // Where nothing was begun, there is nothing to end.
            watcher.occupy(false);
        }
        table.storage_fails = false;
    }

    /// The power fails: nobody lives, and what was not synced may be gone.
    async fn power_cut(&mut self) {
        self.table.say(|| "the power fails".to_owned());
        self.mend_storage();
        for process in &self.processes {
            process.body.set(Life::Dead);
            let mut table = self.table.lock();
            let (process, at) = (process.number, table.now);
            table.dead.push(Dead { process, step: self.steps, at, seen: true });
        }
        self.processes.clear();
        self.table.settle().await;
        let loss = {
            let mut table = self.table.lock();
            (table.held, table.asks) = (Vec::new(), Vec::new());
            match table.chance.below(4) {
                0 => Loss::All,
                1 => Loss::Nothing,
                _ => Loss::Chance(u64::from(table.chance.below(1 << 30))),
            }
        };
        self.disk.lose_power(loss);
        self.connections.clear();
        {
            let mut table = self.table.lock();
            if let Some(watcher) = &mut table.watcher {
                watcher.close();
            }
        }
        self.connections = open_connections(&self.disk, PROCESSES_IN_TROUBLE).await;
        let mut table = self.table.lock();
        let reopened = table.watcher.as_mut().map(|it| it.reopen());
        if let Some(Err(problem)) = reopened {
            table.violate(problem);
        }
    }
}

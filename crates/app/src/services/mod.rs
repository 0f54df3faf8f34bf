//! What can be asked of Ringbook, one function for each act. The API, the dashboard and the command line parse
//! what they are given, call a service and present what it returns.

pub mod contacts;

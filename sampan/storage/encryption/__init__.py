"""Values encrypted on their way to disk (documentation, "Encrypting Confidential Data at Rest").

    transformer.py    the protocol, the prefixes by which stored bytes say who can read them, identity
    aes.py            aesgcm, aescbc, and AES-GCM with a key of its own for every value
    secretbox.py      XSalsa20-Poly1305
    kms/              keys that a plugin on a unix socket encrypts (KMS v2)
    config_file.py    the file; validation.py what it may say
    providers.py      from the file to transformers by resource; transformers.py is that table
    encryption.py     all of it together, and the file again when it has changed

The log file (storage/logfile.py) encrypts rows as it writes them and decrypts them as it reads; everything in memory is
plain. Stored bytes are as upstream's, k8s.io/apiserver/pkg/storage/value/encrypt.
"""
